package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	json "github.com/go-json-experiment/json/v1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// customizeAnswer is what the customize hook said of a parent.
type customizeAnswer struct {
	at    time.Time
	rules []relatedRule
}

// relatedRule selects related objects.
type relatedRule struct {
	Resource      string                `json:"resource"`
	Namespace     string                `json:"namespace"`
	Names         []string              `json:"names"`
	LabelSelector *metav1.LabelSelector `json:"labelSelector"`
	selector      labels.Selector
}

// errNotInformed ends the first sync that needs a kind of related objects.
var errNotInformed = errors.New("related informer not synced yet")

// related are the related objects of a parent.
func (c *controller) related(parent *Record) (groups, error) {
	rules, err := c.rules(parent)
	if err != nil {
		return nil, err
	}
	found := groups{}
	for _, rule := range rules {
		kind := kinds[rule.Resource]
		if !c.informed[kind] {
			c.inform(kind)
			return nil, errNotInformed
		}
		if found[kind] == nil {
			found[kind] = []*Record{}
		}
		for _, r := range c.meta.cache.list(kind) {
			if rule.matches(r) {
				found[kind] = append(found[kind], r)
			}
		}
	}
	return found, nil
}

// inform begins to cache a kind.
func (c *controller) inform(kind string) {
	generation := c.meta.generation
	c.meta.world.Clock.AfterFunc(relatedSyncing, func() { c.meta.resume(generation, func() { c.informed[kind] = true }) })
}

// rules asks the customize hook, or remembers its answer.
func (c *controller) rules(parent *Record) ([]relatedRule, error) {
	w := c.meta.world
	key := customizeKey{parent.Object.GetUID(), parent.Object.GetGeneration()}
	if kept, is := c.answers[key]; is && w.Clock.Now().Sub(kept.at) < customizeTTL {
		return kept.rules, nil
	}
	body := slices.Concat([]byte(`{"controller":`), c.encoded, []byte(`,"parent":`), parent.JSON(), []byte("}"))
	r, err := w.Servers.post(Call{Path: c.paths.customize, Parent: parent.Key, UID: parent.Object.GetUID(), Request: body})
	if err != nil {
		return nil, err
	}
	if r.code != 200 {
		return nil, fmt.Errorf("%s answered %d: %s", c.paths.customize, r.code, r.body)
	}
	var response struct {
		RelatedResources []relatedRule `json:"relatedResources"`
	}
	if err := json.Unmarshal(r.body, &response); err != nil {
		return nil, fmt.Errorf("%s: %w", c.paths.customize, err)
	}
	for i := range response.RelatedResources {
		rule := &response.RelatedResources[i]
		if rule.selector, err = metav1.LabelSelectorAsSelector(rule.LabelSelector); err != nil {
			return nil, err
		}
	}
	c.answers[key] = customizeAnswer{at: w.Clock.Now(), rules: response.RelatedResources}
	return response.RelatedResources, nil
}

func (r relatedRule) matches(o *Record) bool {
	if kinds[r.Resource] != o.Kind || r.Namespace != "" && r.Namespace != o.Namespace {
		return false
	}
	if len(r.Names) > 0 {
		return slices.Contains(r.Names, o.Name)
	}
	return r.LabelSelector == nil || r.selector.Matches(labels.Set(o.Object.GetLabels()))
}

// concerns tells whether a parent asked for the changed object, as it was or as it is. A parent without an answer is
// asked at once, as Metacontroller does out of the watch event.
func (c *controller) concerns(parent *Record, change Change) bool {
	if !c.informed[change.Record().Kind] {
		return false
	}
	rules, err := c.rules(parent)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(rules, func(rule relatedRule) bool {
		return change.Old != nil && rule.matches(change.Old) || change.New != nil && rule.matches(change.New)
	})
}
