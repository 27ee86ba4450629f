package sim

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// view is one call of a sync or finalize hook and its answer, as the laws look at it. What the hook was shown is taken
// from Metacontroller's cache, which holds at that moment the very objects that the request was written from.
type view struct {
	Call
	answer answer
	now    time.Time // by the hook's clock

	// Of a job's call.
	job       *v1alpha1.SpotInstanceJob
	status    v1alpha1.SpotInstanceJobStatus // answered
	attempts  []seenAttempt                  // by name
	backups   []*Backup                      // by name
	children  map[Key]answeredChild
	namedPool *v1alpha1.SpotInstanceVM // nil: there is none

	// Of a pool's call.
	pool       *v1alpha1.SpotInstanceVM
	poolStatus v1alpha1.SpotInstanceVMStatus // answered
}

// answeredChild is a child in an answer: its name alone, or the whole of it.
type answeredChild struct {
	isWhole bool
	body    json.RawMessage
}

// seenAttempt is a Job and its newest pod, as a hook was shown them.
type seenAttempt struct {
	*batchv1.Job
	pod *corev1.Pod // nil: none
	vm  v1alpha1.InstanceState

	isMoved bool // its pool leaves the VM by itself
}

func (a seenAttempt) replica() string { return a.Labels[v1alpha1.LabelReplica] }

// number is which attempt of its replica it is; 0 if nobody can tell.
func (a seenAttempt) number() int {
	n, err := strconv.Atoi(a.Labels[v1alpha1.LabelAttempt])
	if err != nil {
		return 0
	}
	return n
}

// trained is the training of an attempt that trains, as the hook can know it.
func (a seenAttempt) trained(now time.Time) time.Duration {
	for _, c := range a.pod.Status.ContainerStatuses {
		if c.Name == a.pod.Spec.Containers[0].Name && c.State.Running != nil {
			return secondsOf(a.Annotations[annotatedInherited]) + now.Sub(c.State.Running.StartedAt.Time)
		}
	}
	return 0
}

// read makes a view of a call, or nil if it is none that the laws look at.
func (l *Laws) read(c Call) *view {
	if strings.HasSuffix(c.Path, "/customize") {
		return nil
	}
	v := &view{Call: c, now: l.world.Servers.now()}
	if c.Code != 200 {
		// Nothing in a world is a reason for the hooks to refuse a request: faults of GCE and users go into status.
		l.violate("answers-are-given", "%s of %s was answered %d: %s", c.Path, c.Parent, c.Code, c.Answer)
		return nil
	}
	if err := strictly(c.Answer, &v.answer); err != nil {
		l.violate("answers-make-sense", "%s of %s: %v", c.Path, c.Parent, err)
		return nil
	}
	parent := l.world.Meta.cache.get(c.Parent)
	if parent == nil || parent.Object.GetUID() != c.UID {
		return nil
	}
	if c.Parent.Kind == "SpotInstanceVM" {
		v.pool = As[*v1alpha1.SpotInstanceVM](parent)
		return v.decoded(l, &v.poolStatus)
	}
	v.job = As[*v1alpha1.SpotInstanceJob](parent)
	if v.decoded(l, &v.status) == nil || !v.readAnswer(l) {
		return nil
	}
	v.readShown(l.world.Meta.cache)
	return v
}

func (v *view) decoded(l *Laws, status any) *view {
	if err := strictly(v.answer.Status, status); err != nil {
		l.violate("answers-make-sense", "status of %s: %v", v.Parent, err)
		return nil
	}
	return v
}

// readAnswer names the children of the answer, and is false if they are none.
func (v *view) readAnswer(l *Laws) bool {
	v.children = map[Key]answeredChild{}
	for _, body := range v.answer.Children {
		var child struct {
			metav1.TypeMeta
			Metadata struct{ Namespace, Name string }
			Spec     json.RawMessage
		}
		err := json.Unmarshal(body, &child)
		k := Key{child.Kind, child.Metadata.Namespace, child.Metadata.Name}
		if _, twice := v.children[k]; twice || err != nil || child.Kind == "" || k.Name == "" || bytes.Equal(body, []byte("null")) {
			l.violate("answers-make-sense", "%s has child %s (twice: %v, error: %v)", v.Parent, body, twice, err)
			return false
		}
		v.children[k] = answeredChild{isWhole: child.Spec != nil, body: body}
	}
	return true
}

func (v *view) readShown(shown *cache) {
	if pool := shown.get(Key{"SpotInstanceVM", v.job.Namespace, v.job.Spec.SpotInstanceVMRef.Name}); pool != nil {
		v.namedPool = As[*v1alpha1.SpotInstanceVM](pool)
	}
	vms := map[string]v1alpha1.VMInstanceStatus{}
	if v.namedPool != nil {
		for _, entry := range v.namedPool.Status.ProvisionedInstances {
			vms[entry.Name] = entry
		}
	}
	pods := map[string]*corev1.Pod{}
	for _, r := range shown.list("Pod") {
		pod := As[*corev1.Pod](r)
		owner := r.owner()
		if owner == nil || pod.Labels[v1alpha1.LabelJobUID] != string(v.job.UID) {
			continue
		}
		if known := pods[string(owner.UID)]; known == nil || known.CreationTimestamp.Before(&pod.CreationTimestamp) {
			pods[string(owner.UID)] = pod
		}
	}
	for _, r := range shown.list("Job") {
		if owner := r.owner(); owner != nil && owner.UID == v.job.UID {
			a := seenAttempt{Job: As[*batchv1.Job](r), pod: pods[string(r.Object.GetUID())]}
			if a.pod != nil {
				entry := vms[a.pod.Spec.NodeName]
				a.vm = entry.State
				a.isMoved = entry.State == v1alpha1.InstanceStopping && (entry.Reason == v1alpha1.VMRunLimit || entry.Reason == v1alpha1.VMSpotIsBack)
			}
			v.attempts = append(v.attempts, a)
		}
	}
	for _, r := range shown.list("CheckpointBackup") {
		if owner := r.owner(); owner != nil && owner.UID == v.job.UID {
			v.backups = append(v.backups, As[*Backup](r))
		}
	}
}

// keeps tells whether the answer names a child.
func (v *view) keeps(kind, name string) bool {
	_, named := v.children[Key{kind, v.Parent.Namespace, name}]
	return named
}

// created are the Jobs that the answer has whole, by name.
func (v *view) created() []string {
	var names []string
	for k, child := range v.children {
		if k.Kind == "Job" && child.isWhole {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return names
}

// sortedChildren are the children of the answer.
func (v *view) sortedChildren() []Key {
	return sortedKeys(v.children)
}

// isOver tells whether a job has ended, by its status.
func isOver(s v1alpha1.SpotInstanceJobStatus) bool {
	return s.Phase == v1alpha1.JobSucceeded || s.Phase == v1alpha1.JobFailed
}

func hasEnded(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget)
	})
}

// trains tells whether the pod of an attempt runs, and nobody has asked it to end.
func (a seenAttempt) trains() bool {
	return a.pod != nil && a.pod.DeletionTimestamp == nil && a.pod.Status.Phase == corev1.PodRunning && a.started() &&
		!hasEnded(a.Job) && a.vm != v1alpha1.InstanceGone
}

// started tells whether the first container has run.
func (a seenAttempt) started() bool {
	if a.pod == nil || len(a.pod.Spec.Containers) == 0 {
		return false
	}
	return slices.ContainsFunc(a.pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		ran := c.State.Running != nil || c.State.Terminated != nil && c.State.Terminated.StartedAt.Unix() > 0
		return c.Name == a.pod.Spec.Containers[0].Name && ran
	})
}

func secondsOf(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// isStuck tells whether a container waits for what the kubelet could not do.
func (a seenAttempt) isStuck() bool {
	return a.pod != nil && slices.ContainsFunc(a.pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.State.Waiting != nil && c.State.Waiting.Message != ""
	})
}
