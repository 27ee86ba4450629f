package sim

import (
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// quota is a ResourceQuota of the namespace: the API server takes no object of a kind while there are as many as it allows.
// Job counts all Jobs (count/jobs.batch), Pod those that have not ended (pods).
type quota struct {
	world *World
	kind  string
	most  int
	bites bool // it has refused something
}

// quotaCommand is `quota jobs|pods N for=D`: for so long the namespace may have N of them. A newer quota takes the place of an older one.
func (w *World) quotaCommand(c story.Command) (string, error) {
	kinds := map[string]string{"jobs": "Job", "pods": "Pod"}
	if len(c.Args) != 2 || kinds[c.Args[0]] == "" {
		return "", fmt.Errorf("line %d: quota %v: write quota jobs N, or quota pods N", c.Line, c.Args)
	}
	most, err := strconv.Atoi(c.Args[1])
	if err != nil || most < 0 {
		return "", fmt.Errorf("line %d: quota %s is no whole number from 0", c.Line, c.Args[1])
	}
	d, err := durationOf(c, "for", unusableLasts)
	if err != nil {
		return "", err
	}
	q := &quota{world: w, kind: kinds[c.Args[0]], most: most}
	w.API.admit = q.admit
	w.Clock.AfterFunc(d, func() {
		if w.quota == q {
			w.quota, w.API.admit = nil, nil
		}
	})
	w.quota = q
	return "", nil
}

// admit refuses an object as the admission plugin of ResourceQuota does.
func (q *quota) admit(o Object) error {
	k := keyOf(o)
	if k.Kind != q.kind || k.Namespace != Namespace {
		return nil
	}
	used := 0
	for _, r := range q.world.API.List(q.kind) {
		if r.Namespace == Namespace && !hasEndedPod(r.Object) {
			used++
		}
	}
	if used < q.most {
		return nil
	}
	if !q.bites {
		q.bites = true
		q.world.fault("quota", "%d %ss: %s is refused", q.most, q.kind, k)
	}
	resource := map[string]string{"Job": "count/jobs.batch", "Pod": "pods"}[q.kind]
	return apierrors.NewForbidden(resourceOf(k), k.Name, fmt.Errorf(
		"exceeded quota: team, requested: %s=1, used: %s=%d, limited: %s=%d", resource, resource, used, resource, q.most))
}

func hasEndedPod(o Object) bool {
	pod, is := o.(*corev1.Pod)
	return is && isTerminal(pod)
}

// isSuspended tells whether the Job controller is to make no pod.
func isSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }
