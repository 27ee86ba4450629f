package spotinstancejob

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	json "github.com/go-json-experiment/json/v1"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// request is the world as Metacontroller sends it.
func (w world) request(t *testing.T) *webhook.Request[v1alpha1.SpotInstanceJob] {
	t.Helper()
	request := &webhook.Request[v1alpha1.SpotInstanceJob]{
		Parent:   w.job,
		Children: webhook.Groups{groupJobs: {}, groupBackups: {}},
		Related:  webhook.Groups{groupPods: {}, groupPools: {}},
	}
	put := func(group map[string]json.RawMessage, name string, object any) {
		data, err := json.Marshal(object)
		require.NoError(t, err)
		require.NotContains(t, group, "ml/"+name, "two objects of one name")
		group["ml/"+name] = data
	}
	for _, job := range w.jobs {
		put(request.Children[groupJobs], job.Name, job)
	}
	for _, b := range w.backups {
		put(request.Children[groupBackups], b.Metadata.Name, b)
	}
	for _, pod := range w.pods {
		put(request.Related[groupPods], pod.Name, pod)
	}
	if w.pool != nil {
		put(request.Related[groupPools], w.pool.Name, w.pool)
	}
	return request
}

// observe and decide, at noon.
func (w world) decide(t *testing.T) (observed, decision) {
	t.Helper()
	o, err := observe(w.request(t), noon)
	require.NoError(t, err)
	return o, decide(o)
}

// told is a decision in words, without what goes without saying:
//
//	Recovering; keep r0-a1 r1-a1; start r0-a2 from ckpt; checkpoint r1-a1 preemption; drop old; resync 30s
//
// "drop" are the CheckpointBackups that are let go; Jobs are dropped by not being kept.
func told(o observed, d decision) string {
	short := func(name string) string { return name[strings.LastIndex(name, "-r")+1:] }
	words := []string{string(d.phase)}
	list := func(verb string, items []string) {
		if len(items) > 0 {
			words = append(words, verb+" "+strings.Join(items, " "))
		}
	}
	var kept []string
	for _, name := range d.keepJobs {
		kept = append(kept, short(name))
	}
	slices.Sort(kept)
	list("keep", kept)
	for _, a := range d.attempts {
		from := ""
		if a.from.backup != "" {
			from = " from " + a.from.backup
		}
		words = append(words, "start "+short(jobName(o.job, a.replica, a.attempt))+from)
	}
	for _, b := range d.backups {
		words = append(words, fmt.Sprintf("checkpoint %s %s", short(b.of.name), b.reason))
	}
	var dropped []string
	for _, b := range o.backups {
		if !slices.Contains(d.keepBacks, b.name) {
			dropped = append(dropped, b.name)
		}
	}
	list("drop", dropped)
	if d.resync > 0 {
		words = append(words, "resync "+d.resync.String())
	}
	return strings.Join(words, "; ")
}

// reported lists what became of each attempt that stands for its replica, and the reasons of the conditions that
// report trouble or an end.
func reported(d decision) string {
	var words []string
	for _, r := range d.replicas {
		words = append(words, fmt.Sprintf("r%d %s", r.number, r.phase))
	}
	for _, c := range d.conditions {
		if c.kind != v1alpha1.ConditionReady && c.kind != v1alpha1.ConditionSpecValid {
			words = append(words, c.kind+":"+c.reason)
		}
	}
	return strings.Join(words, "; ")
}

// tale is one case of a decision table.
type tale struct {
	given    []fact
	want     string // as told
	reported string // as reported; empty: not compared
}

func checkTales(t *testing.T, tales map[string]tale) {
	t.Helper()
	for name, c := range tales {
		t.Run(name, func(t *testing.T) {
			o, d := given(c.given...).decide(t)
			require.Equal(t, c.want, told(o, d))
			if c.reported != "" {
				require.Equal(t, c.reported, reported(d))
			}
		})
	}
}
