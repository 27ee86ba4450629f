package spotinstancevm

import (
	"context"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/bootstrap"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Request groups, by the keys of hook version v2.
const (
	groupJobs  = "Job.batch/v1"
	groupPods  = "Pod.v1"
	groupNodes = "Node.v1"
)

// request is a decoded sync or finalize call.
type request struct {
	pool       *v1alpha1.SpotInstanceVM
	jobs       []batchv1.Job
	pods       []corev1.Pod
	podOf      map[types.UID]*corev1.Pod // by the UID of their Job
	nodes      []corev1.Node
	finalizing bool
	over       map[types.UID]bool          // Jobs that no attempt follows
	answer     []v1alpha1.VMInstanceStatus // the last one of this server, which status may not show yet
}

// Metacontroller gives up after 10 seconds. What is left of a call when all has been read is for the mutations.
const (
	callTimeout    = 8 * time.Second
	observeTimeout = 4 * time.Second
)

// answerShown is after how long a request surely shows the answer before it, if that was written at all.
const answerShown = 2 * time.Minute

// access is what act needs besides the decision.
type access struct {
	cloud   gce.Cloud // nil without usable credentials
	account account
	join    bootstrap.Join
}

// parse fails when the request lacks a group, since what was not observed must not be taken for absent.
func parse(r *webhook.Request[v1alpha1.SpotInstanceVM]) (request, error) {
	parsed := request{pool: &r.Parent, finalizing: r.Finalizing}
	var err error
	if parsed.jobs, err = related(r.Related, groupJobs, relatedJob.object); err != nil {
		return parsed, err
	}
	if parsed.pods, err = related(r.Related, groupPods, relatedPod.object); err != nil {
		return parsed, err
	}
	parsed.podOf = make(map[types.UID]*corev1.Pod, len(parsed.pods))
	for i := range parsed.pods {
		pod := &parsed.pods[i]
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && parsed.podOf[owner.UID] == nil {
			parsed.podOf[owner.UID] = pod
		}
	}
	parsed.nodes, err = related(r.Related, groupNodes, relatedNode.object)
	return parsed, err
}

// observe reads what decide must know. It never fails: what could not be read is a fact too.
func (h *Hook) observe(ctx context.Context, r request) (observed, access) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	r.over = h.readOver(ctx, r, second(h.now()))
	o := observed{
		now:        second(h.now()),
		deletedAt:  timeOf(r.pool.DeletionTimestamp),
		id:         h.identityOf(r.pool),
		settings:   settingsOf(r.pool.Spec),
		generation: r.pool.Generation,
		finalizing: r.finalizing,
		edited:     r.pool.Status.ObservedGeneration > 0 && r.pool.Status.ObservedGeneration != r.pool.Generation,
		wants:      wantsOf(r, second(h.now())),
		counted:    r.pool.Status.Preemptions,
		dry:        timeOf(r.pool.Status.SpotUnavailableSince),
		spent:      r.pool.Status.Cost,
		secretRef:  r.pool.Status.CredentialsSecretRef,
		usualStart: usualStartOf(r.pool.Status),
	}
	h.readPrices(&o)
	o.recallNodes(r)
	o.problems = specProblems(o.id, r.pool, o.settings)
	var join bootstrap.Join
	var joinTroubles []problem
	var a access
	var listings map[string]listing
	var trouble *problem
	readCloud := func() { listings, trouble = h.readCloud(ctx, r, &o, &a) }
	readJoinData := func() { join, joinTroubles = h.joinData(ctx, r.pool) }
	if r.finalizing {
		readCloud()
	} else {
		h.together([]func(){readCloud, readJoinData})
	}
	a.join = join
	if trouble != nil {
		o.problems = append(o.problems, *trouble)
	}
	o.problems = slices.Concat(o.problems, joinTroubles, zoneProblems(o))
	assemble(&o, r, listings)
	o.measure(r)
	h.fleet.abandon(&o)
	if slices.ContainsFunc(o.machines, isNoticeRefused) {
		o.settings.notice, o.silent = 0, true
	}
	return o, a
}

func (h *Hook) readPrices(o *observed) {
	var unusable error
	if o.prices, unusable = h.prices(); unusable != nil {
		o.priceTrouble = unusable.Error()
	}
}

func (h *Hook) identityOf(pool *v1alpha1.SpotInstanceVM) identity {
	return identity{cluster: h.cluster, project: pool.Spec.GCP.Project, namespace: pool.Namespace, name: pool.Name, uid: string(pool.UID)}
}

// isOwn tells whether status has each VM in the state, and since the moment, that this server answered last.
func (r request) isOwn() bool {
	return slices.EqualFunc(r.pool.Status.ProvisionedInstances, r.answer, func(a, b v1alpha1.VMInstanceStatus) bool {
		return a.Name == b.Name && a.Zone == b.Zone && a.State == b.State && timeOf(a.Since).Equal(timeOf(b.Since))
	})
}

// lacksPlan tells whether this server has just planned a VM that the request does not show. Its insert is sent as soon as the plan is
// written down, and the API server knows that before Metacontroller's cache.
func (r request) lacksPlan() bool {
	return slices.ContainsFunc(r.answer, func(plan v1alpha1.VMInstanceStatus) bool {
		return plan.State == v1alpha1.InstancePlanned && !slices.ContainsFunc(r.pool.Status.ProvisionedInstances, func(shown v1alpha1.VMInstanceStatus) bool {
			return shown.Name == plan.Name && shown.Zone == plan.Zone
		})
	})
}

// plansOf are the plans of an answer that a request may not show yet. Made anew, they could name other zones, since others can
// be read by now, and whoever sees the first would send it.
func plansOf(o observed, answer []v1alpha1.VMInstanceStatus) []machine {
	var plans []machine
	for _, m := range recall(o.id, answer) {
		if isPlanned(*m) && o.now.Sub(m.since) < answerShown {
			m.written = written{}
			plans = append(plans, *m)
		}
	}
	return plans
}
