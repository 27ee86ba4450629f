package composite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
)

// customizeTTL is how long an answer of the customize hook is kept. Failures are not kept.
const customizeTTL = 20 * time.Minute

// errRelatedNotSynced ends a sync, before its hook is called, that is the first to ask for a kind of related
// objects. It is retried with back-off and without an event.
var errRelatedNotSynced = errors.New("related informer not synced yet")

type customizeRequest struct {
	Controller *compositeController       `json:"controller"`
	Parent     *unstructured.Unstructured `json:"parent"`
}

type customizeResponse struct {
	RelatedResources []*relatedRule `json:"relatedResources"`
}

// relatedRule selects related objects: by labels in one namespace or everywhere, or by names. No selector
// and no name selects all objects of the resource.
type relatedRule struct {
	resourceRule  `json:",inline"`
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	Namespace     string                `json:"namespace,omitempty"`
	Names         []string              `json:"names,omitempty"`

	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// relations finds the related objects of parents, and the parents that a related object concerns.
type relations struct {
	c       *controller
	hook    *webhook
	ctx     context.Context // of the controller's run, for hook calls out of watch events
	answers *cache.Expiring

	mu      sync.Mutex
	watched map[schema.GroupVersionResource]bool
}

// answerKey is what an answer is kept under: labels, annotations and status do not call the hook again.
type answerKey struct {
	uid        types.UID
	generation int64
}

func newRelations(c *controller, hook *webhook) *relations {
	return &relations{c: c, hook: hook, answers: cache.NewExpiring(), watched: map[schema.GroupVersionResource]bool{}}
}

// objects returns the related objects, with a group for every rule. Without a customize hook there is none.
func (r *relations) objects(ctx context.Context, parent *unstructured.Unstructured) (groups, error) {
	found := groups{}
	rules, err := r.rules(ctx, parent)
	if err != nil {
		return nil, err
	}
	for _, rule := range rules {
		related, err := r.c.catalog.resource(rule.APIVersion, rule.Resource)
		if err != nil {
			return nil, err
		}
		if err := r.watch(related); err != nil {
			return nil, err
		}
		selects, err := r.selection(rule, related, parent)
		if err != nil {
			return nil, err
		}
		found.declare(related.gvk)
		objects, err := r.c.listCached(related, "", labels.Everything())
		if err != nil {
			return nil, err
		}
		for _, obj := range objects {
			if selects(obj) {
				found.add(obj)
			}
		}
	}
	return found, nil
}

// rules asks the customize hook, once per parent and generation.
func (r *relations) rules(ctx context.Context, parent *unstructured.Unstructured) ([]*relatedRule, error) {
	if r.hook == nil {
		return nil, nil
	}
	key := answerKey{parent.GetUID(), parent.GetGeneration()}
	if kept, ok := r.answers.Get(key); ok {
		return kept.([]*relatedRule), nil
	}
	answer := customizeResponse{}
	if err := r.hook.call(ctx, customizeRequest{Controller: r.c.cc, Parent: parent}, &answer); err != nil {
		return nil, err
	}
	if slices.Contains(answer.RelatedResources, nil) {
		return nil, errNullObject
	}
	r.answers.Set(key, answer.RelatedResources, customizeTTL)
	return answer.RelatedResources, nil
}

// selection compiles the rule for one parent.
func (r *relations) selection(rule *relatedRule, related resource, parent *unstructured.Unstructured) (func(*unstructured.Unstructured) bool, error) {
	if rule.NamespaceSelector != nil {
		return nil, fmt.Errorf("related rule for %s has a namespaceSelector, which this driver does not host", rule.Resource)
	}
	if len(rule.Names) > 0 && rule.LabelSelector != nil {
		return nil, fmt.Errorf("related rule for %s cannot have both names and labelSelector", rule.Resource)
	}
	namespace := rule.Namespace
	if r.hook.version == versionV1 && r.c.parent.namespaced && related.namespaced {
		if namespace != "" && namespace != parent.GetNamespace() {
			return nil, fmt.Errorf("related rule for %s: namespace %s is not that of the parent, %s", rule.Resource, namespace, parent.GetNamespace())
		}
		namespace = parent.GetNamespace()
	}
	selector := labels.Everything()
	if rule.LabelSelector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(rule.LabelSelector); err != nil {
			return nil, fmt.Errorf("related rule for %s: %w", rule.Resource, err)
		}
	}
	return func(obj *unstructured.Unstructured) bool {
		inNamespace := !related.namespaced || namespace == "" || obj.GetNamespace() == namespace
		named := len(rule.Names) == 0 || slices.Contains(rule.Names, obj.GetName())
		return inNamespace && named && selector.Matches(labels.Set(obj.GetLabels()))
	}, nil
}

// watch starts watching a related resource at its first use.
func (r *relations) watch(related resource) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	informer := r.c.cached(related)
	if !r.watched[related.gvr] {
		handler := changes{
			added:   func(obj *unstructured.Unstructured) { r.changed(related, obj) },
			updated: func(before, after *unstructured.Unstructured) { r.changed(related, before, after) },
			deleted: func(obj *unstructured.Unstructured) { r.changed(related, obj) },
		}
		if _, err := informer.AddEventHandler(handler.handler()); err != nil {
			return fmt.Errorf("watch related %s: %w", related.gvr.Resource, err)
		}
		r.watched[related.gvr] = true
		r.c.factory.Start(r.ctx.Done())
	}
	if !informer.HasSynced() {
		return errRelatedNotSynced
	}
	return nil
}

// changed syncs every parent with a rule that selects one of the versions of a related object. Parents
// without a kept answer call the hook here, one after the other.
func (r *relations) changed(related resource, versions ...*unstructured.Unstructured) {
	parents, err := r.c.listCached(r.c.parent, "", labels.Everything())
	if err != nil {
		return
	}
	for _, parent := range parents {
		rules, err := r.rules(r.ctx, parent)
		if err == nil && slices.ContainsFunc(rules, func(rule *relatedRule) bool { return r.concerns(rule, related, parent, versions) }) {
			r.c.enqueue(parent)
		}
	}
}

func (r *relations) concerns(rule *relatedRule, related resource, parent *unstructured.Unstructured, versions []*unstructured.Unstructured) bool {
	if rule.APIVersion != related.gvr.GroupVersion().String() || rule.Resource != related.gvr.Resource {
		return false
	}
	selects, err := r.selection(rule, related, parent)
	return err == nil && slices.ContainsFunc(versions, selects)
}
