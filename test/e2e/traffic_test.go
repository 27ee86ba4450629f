package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// trafficJudge looks at every hook call of every story for what Metacontroller must never be answered.
type trafficJudge struct {
	mu       sync.Mutex
	bodies   map[string]any      // by child, as it was first rendered in full
	offences map[string][]string // by namespace
	syncs    map[string][]span   // of pools, by namespace
}

// span is the time that a call took.
type span struct{ from, to time.Time }

type call struct {
	Parent struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
			UID       string `json:"uid"`
		} `json:"metadata"`
		Status map[string]any `json:"status"`
	} `json:"parent"`
}

type answer struct {
	Status   map[string]any `json:"status"`
	Children []any          `json:"children"`
}

// observe judges one call. It is called from several goroutines.
func (j *trafficJudge) observe(e cluster.Exchange) {
	var asked call
	if json.Unmarshal(e.Request, &asked) != nil || e.Status == 0 {
		return // nobody answered: the hooks were killed
	}
	blame := func(format string, args ...any) {
		j.mu.Lock()
		defer j.mu.Unlock()
		namespace := asked.Parent.Metadata.Namespace
		if j.offences == nil {
			j.offences = map[string][]string{}
		}
		j.offences[namespace] = append(j.offences[namespace], e.Path+" of "+asked.Parent.Metadata.Name+": "+fmt.Sprintf(format, args...))
	}
	if e.Path == "/spotinstancevm/sync" {
		j.noteSync(asked.Parent.Metadata.Namespace, span{e.Time, e.Time.Add(e.Took)})
	}
	if e.Status != http.StatusOK {
		if len(strings.TrimSpace(string(e.Response))) == 0 {
			blame("answered %d without a word", e.Status)
		}
		return
	}
	if strings.HasSuffix(e.Path, "/customize") {
		return
	}
	var told answer
	if err := json.Unmarshal(e.Response, &told); err != nil {
		blame("answered what is no JSON: %v", err)
		return
	}
	if told.Status == nil {
		blame("answered no status")
	}
	if moved, before := withoutTimes(told.Status), withoutTimes(asked.Parent.Status); reflect.DeepEqual(moved, before) && !reflect.DeepEqual(told.Status, asked.Parent.Status) {
		blame("changed nothing in the status but times: %v became %v", asked.Parent.Status, told.Status)
	}
	for _, child := range told.Children {
		j.judgeChild(asked.Parent.Metadata.UID, child, blame)
	}
}

// judgeChild wants no null and always the same body under one name. A child without a spec stands for one that exists. One
// that was just made may not be shown to the hooks in their next call, while a newer checkpoint or the end of the lost
// attempt's pod is: then a Job is rendered again with that, and Metacontroller leaves the one that exists as it is.
func (j *trafficJudge) judgeChild(parent string, child any, blame func(string, ...any)) {
	body, ok := child.(map[string]any)
	if !ok {
		blame("answered a child that is %v", child)
		return
	}
	if _, full := body["spec"]; !full {
		return
	}
	meta, _ := body["metadata"].(map[string]any)
	name := fmt.Sprint(parent, "/", body["kind"], "/", meta["name"])
	j.mu.Lock()
	if j.bodies == nil {
		j.bodies = map[string]any{}
	}
	before, known := j.bodies[name]
	j.bodies[name] = body
	j.mu.Unlock()
	if known && !reflect.DeepEqual(withoutStart(before), withoutStart(body)) {
		blame("rendered two bodies for %s %v: %v and %v", body["kind"], meta["name"], before, child)
	}
}

// startKeys are the fields and annotations of a Job that tell what it starts from and what was lost before it.
var startKeys = []string{
	"image", "training.dcnlab.com/restored-from", "training.dcnlab.com/inherited-seconds", "training.dcnlab.com/gpu", "training.dcnlab.com/ledger",
}

// withoutStart is a child without startKeys.
func withoutStart(child any) any {
	switch v := child.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range v {
			if !slices.Contains(startKeys, key) {
				out[key] = withoutStart(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withoutStart(item)
		}
		return out
	}
	return child
}

// withoutTimes is a copy in which all timestamps are the same.
func withoutTimes(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, item := range v {
			out[key] = withoutTimes(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withoutTimes(item)
		}
		return out
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil {
			return "a time"
		}
	}
	return value
}

// offencesIn are the laws that answers about a namespace broke.
func (j *trafficJudge) offencesIn(namespace string) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.offences[namespace]
}

func (j *trafficJudge) noteSync(namespace string, s span) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.syncs == nil {
		j.syncs = map[string][]span{}
	}
	j.syncs[namespace] = append(j.syncs[namespace], s)
}

// syncsDuring counts the syncs of a namespace's pools that one of the events fell into.
func (j *trafficJudge) syncsDuring(namespace string, events []gcefake.Event) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, s := range j.syncs[namespace] {
		if slices.ContainsFunc(events, func(e gcefake.Event) bool {
			return !e.Time.Before(s.from.Truncate(time.Millisecond)) && e.Time.Before(s.to)
		}) {
			n++
		}
	}
	return n
}
