package sim

import (
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// podQuota is a ResourceQuota of the namespace: the API server takes no pod while as many as it allows have not ended.
type podQuota struct {
	world *World
	most  int
	bites bool // it has refused something
}

// quotaCommand is `quota jobs|pods N for=D`: for so long the namespace may have N of them. A newer quota of the same kind takes the place
// of an older one.
func (w *World) quotaCommand(c story.Command) (string, error) {
	if len(c.Args) != 2 || c.Args[0] != "jobs" && c.Args[0] != "pods" {
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
	if c.Args[0] == "jobs" {
		w.jobQuota.allow(most, d)
		return "", nil
	}
	q := &podQuota{world: w, most: most}
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
func (q *podQuota) admit(o Object) error {
	k := keyOf(o)
	if k.Kind != "Pod" || k.Namespace != Namespace {
		return nil
	}
	used := 0
	for _, r := range q.world.API.List("Pod") {
		if r.Namespace == Namespace && !hasEndedPod(r.Object) {
			used++
		}
	}
	if used < q.most {
		return nil
	}
	if !q.bites {
		q.bites = true
		q.world.fault("quota", "%d pods: %s is refused", q.most, k)
	}
	return apierrors.NewForbidden(resourceOf(k), k.Name, fmt.Errorf(
		"exceeded quota: team, requested: pods=1, used: pods=%d, limited: pods=%d", used, q.most))
}

func hasEndedPod(o Object) bool {
	pod, is := o.(*corev1.Pod)
	return is && isTerminal(pod)
}

// isSuspended tells whether the Job controller is to make no pod.
func isSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }
