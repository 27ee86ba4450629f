package spotinstancejob

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Request groups, by the keys of hook version v2.
const (
	groupJobs    = "Job.batch/v1"
	groupBackups = "CheckpointBackup.migration.dcnlab.com/v1"
	groupPods    = "Pod.v1"
	groupPools   = "SpotInstanceVM.training.training.dcnlab.com/v1alpha1"
)

// observe turns a request into facts. It fails when the request lacks a group, since what was not observed must not be
// taken for absent.
func observe(request *webhook.Request[v1alpha1.SpotInstanceJob], now time.Time) (observed, error) {
	o := observed{now: now, job: &request.Parent}
	if o.template, o.invalid = parseTemplate(o.job.Spec); o.invalid == nil {
		o.invalid = checkPushSecret(o.job)
	}
	jobs, err := webhook.Objects[batchv1.Job](request.Children, groupJobs)
	if err != nil {
		return o, err
	}
	backups, err := webhook.Objects[checkpointBackup](request.Children, groupBackups)
	if err != nil {
		return o, err
	}
	pods, err := webhook.Objects[corev1.Pod](request.Related, groupPods)
	if err != nil {
		return o, err
	}
	pools, err := webhook.Objects[v1alpha1.SpotInstanceVM](request.Related, groupPools)
	if err != nil {
		return o, err
	}
	o.pool, o.ledger = observePool(pools, o.job), parseLedger(o.job.Status.Ledger)
	o.holders = observeHolders(pods, o.pool)
	podOf := podsByJob(pods)
	for _, job := range jobs {
		a := observeAttempt(&job, o.job.Status.JobStatuses)
		if a.replica < 0 {
			return o, fmt.Errorf("%w: Job %s/%s lacks the labels of an attempt; somebody removed them: delete it and it is made again", webhook.ErrBadRequest, job.Namespace, job.Name)
		}
		if pod := podOf[string(job.UID)]; pod != nil {
			a.pod, a.node = observePod(pod), pod.Spec.NodeName
		}
		a.vm = o.pool.vm(a.node).remembered(a).heard(a.pod, o.pool.hasGPUs())
		o.attempts = append(o.attempts, a)
		o.ledger = o.ledger.merge(parseLedger(job.Annotations[annotationLedger]))
	}
	slices.SortFunc(o.attempts, func(a, b attempt) int {
		return cmp.Or(cmp.Compare(a.replica, b.replica), cmp.Compare(a.attempt, b.attempt))
	})
	for _, b := range backups {
		o.backups = append(o.backups, observeBackup(&b))
	}
	slices.SortFunc(o.backups, func(a, b backup) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.name, b.name))
	})
	return o, nil
}

func observePool(pools []v1alpha1.SpotInstanceVM, job *v1alpha1.SpotInstanceJob) *poolFacts {
	i := slices.IndexFunc(pools, func(p v1alpha1.SpotInstanceVM) bool {
		return p.Namespace == job.Namespace && p.Name == job.Spec.SpotInstanceVMRef.Name
	})
	if i < 0 {
		return nil
	}
	pool := &pools[i]
	facts := &poolFacts{
		deleting:    pool.DeletionTimestamp != nil,
		taints:      pool.Spec.Taints,
		machineType: pool.Spec.GCP.MachineType,
		vmImage:     pool.Spec.VMImage,
		vms:         map[string]vm{},
		fit:         nodefit.PoolOf(pool),
		held:        map[string]hold{},
		tcp:         pool.Spec.CRIU != nil && pool.Spec.CRIU.TCP != "",
		notice:      noticeIn(pool.Spec),
		spot:        pool.Spec.ProvisioningModel != v1alpha1.ProvisioningStandard,
	}
	if pool.Spec.GPU != nil {
		facts.gpus, facts.gpuResource = int64(pool.Spec.GPU.Count), pool.Spec.GPU.Resource()
		facts.gpu = fmt.Sprintf("%s/%d", pool.Spec.GPU.Type, pool.Spec.GPU.Count)
	}
	for _, zone := range append([]string{pool.Spec.GCP.Zone}, pool.Spec.GCP.Zones...) {
		facts.choices = append(facts.choices, cost.VMOf(pool.Spec, zone, ""))
	}
	facts.trouble = troubleOf(pool.Status.Conditions)
	facts.full, facts.most = limitOf(pool)
	facts.noCapacity = meta.IsStatusConditionFalse(pool.Status.Conditions, v1alpha1.ConditionCapacityAvailable)
	facts.onTheirWay = observeComing(pool.Status)
	for _, replica := range pool.Status.UnschedulableReplicas {
		facts.held[replica.JobName] = hold{replica.Until.Time, excerpt(replica.Message)}
	}
	for _, instance := range pool.Status.ProvisionedInstances {
		facts.passesOver = facts.passesOver || instance.PassedOverSince != nil
		facts.vms[instance.Name] = observeVM(pool, instance)
	}
	return facts
}

// limitOf is the field that keeps a pool from having more VMs than those that it has, all of which are Ready, and how many it allows; empty
// if none does.
func limitOf(pool *v1alpha1.SpotInstanceVM) (field string, allowed int32) {
	most := int32(10) // the schema's default
	if pool.Spec.MaxReplicas != nil {
		most = *pool.Spec.MaxReplicas
	}
	has := pool.Status.ReadyReplicas
	switch {
	case has < pool.Status.DesiredReplicas:
		return "", 0
	case pool.Spec.Replicas != nil && *pool.Spec.Replicas < most && has >= *pool.Spec.Replicas:
		return "replicas", *pool.Spec.Replicas
	case has >= most:
		return "maxReplicas", most
	}
	return "", 0
}

// stateOf is the state of a VM as far as it concerns a job. Of one that its pool waits for, since its Node is not Ready and GCE
// says that it runs, nothing is known: its attempts may train on.
func stateOf(entry v1alpha1.VMInstanceStatus) v1alpha1.InstanceState {
	if entry.State == v1alpha1.InstanceNotReady && entry.Reason == "" {
		return v1alpha1.InstanceUnknown
	}
	return entry.State
}

// troubleOf is what keeps a pool from having all its VMs, in the words of the condition that its Ready names. How many VMs it
// has is left out: each job that waits would be written anew with each VM that comes.
func troubleOf(conditions []metav1.Condition) string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionTrue || ready.Reason == v1alpha1.ReasonProvisioning {
		return ""
	}
	for _, c := range conditions {
		if c.Type != ready.Type && c.Status == metav1.ConditionFalse && c.Reason == ready.Reason {
			return c.Message
		}
	}
	return ready.Message
}

// vm is the pool's entry for a node; VM and Node have one name. The zero vm is one the pool does not list.
func (p *poolFacts) vm(node string) vm {
	if p == nil {
		return vm{}
	}
	return p.vms[node]
}

// heard is what is known of a pod's VM when the pod's own word of the notice counts, too: it comes before the pool's. The
// moment of the loss stays what it was when the pool has heard of it, too.
func (v vm) heard(pod *podFacts, hasGPUs bool) vm {
	if pod == nil || pod.noticed.IsZero() {
		return v
	}
	isFirst := !v.leaving() && v.state != v1alpha1.InstanceGone
	if isFirst {
		v.state = v1alpha1.InstanceStopping
	}
	if isFirst || pod.noticed.Before(v.since) {
		v.since = pod.noticed
	}
	if pod.noticedFor == v1alpha1.ReasonMaintenance {
		v.notice = hostNotice(hasGPUs)
	}
	v.stops = time.Time{}
	if pod.noticedFor != v1alpha1.ReasonLateNotice {
		v.stops = pod.noticed.Add(v.notice)
	}
	return v
}

// leavesAt is until when a VM that its pool leaves by itself runs at least; zero for one that was taken from it. A pool leaves
// a VM 15 to 20 minutes before its run limit, and one that a spot VM replaces when nothing runs there any more.
func leavesAt(reason string, since time.Time) time.Time {
	switch reason {
	case v1alpha1.VMRunLimit:
		return since.Add(15 * time.Minute)
	case v1alpha1.VMSpotIsBack:
		return since.Add(24 * time.Hour)
	default:
		return time.Time{}
	}
}

// hostNotice is how long before it stops a VM GCE tells that the host will be maintained; see
// https://cloud.google.com/compute/docs/instances/monitor-plan-host-maintenance-event.
func hostNotice(hasGPUs bool) time.Duration {
	if hasGPUs {
		return time.Hour
	}
	return time.Minute
}

func observeAttempt(job *batchv1.Job, statuses []v1alpha1.JobReplicaStatus) attempt {
	a := attempt{
		name:         job.Name,
		replica:      parseCount(job.Labels[v1alpha1.LabelReplica]),
		attempt:      parseCount(job.Labels[v1alpha1.LabelAttempt]),
		created:      job.CreationTimestamp.Time,
		deleting:     job.DeletionTimestamp != nil,
		final:        job.Annotations[v1alpha1.AnnotationFinalAttempt] == "true",
		restoredFrom: job.Annotations[annotationRestoredFrom],
		inherited:    parseSeconds(job.Annotations[annotationInherited]),
		gpu:          job.Annotations[annotationGPU],
		suspended:    job.Spec.Suspend != nil && *job.Spec.Suspend,
		podsSince:    podsSince(job),
		active:       job.Status.Active > 0, terminating: job.Status.Terminating != nil && *job.Status.Terminating > 0,
	}
	if a.attempt == 0 || strconv.Itoa(int(a.replica)) != job.Labels[v1alpha1.LabelReplica] {
		a.replica = -1
	}
	if a.restoredFrom != "" && len(job.Spec.Template.Spec.Containers) > 0 {
		a.images = map[string]string{}
		for _, c := range job.Spec.Template.Spec.Containers {
			a.images[c.Name] = c.Image
		}
		a.image = job.Spec.Template.Spec.Containers[0].Image
		a.hasBase = hasBaseVolume(job.Spec.Template.Spec)
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			a.complete, a.ended = true, c.LastTransitionTime.Time
		case batchv1.JobFailed, batchv1.JobFailureTarget:
			if !a.failed || c.LastTransitionTime.Time.Before(a.ended) {
				a.ended = c.LastTransitionTime.Time
			}
			a.failed = true
		}
	}
	a.recall(statuses)
	return a
}

// podsSince is since when the Job controller may make the Job's pod: since the Job exists, or was resumed.
func podsSince(job *batchv1.Job) time.Time {
	if start := timeOf(job.Status.StartTime); start.After(job.CreationTimestamp.Time) {
		return start
	}
	return job.CreationTimestamp.Time
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
