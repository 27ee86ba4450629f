package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// original is a small model of the operator that this one replaces, as it was measured. It acts on the same GCE and the
// same API as the hooks. Every 10 s it looks at its VMs:
//
//	VM lost ─► checkpoint of a survivor ─(completed)─► VM asked for ─► Node ready ─► pod from the checkpoint
//
// Its known faults are part of it: it makes no periodic checkpoints; one checkpoint is made in the job's life, and later
// losses are restored from that old image; a replica that was restored once is not restored again, while its new VM is
// billed; without a survivor, or when the survivor goes during the checkpoint, nothing happens any more. All VMs are in one
// zone and get no notice.
//
// Nursed, it lacks the faults that end a job for good: every loss gets a fresh checkpoint, and when no survivor is left
// somebody starts all replicas again, within the same poll, from the newest image. What remains is serial recovery.
//
// Not modelled: the time that its API calls take, the template pod that it starts first and kills, and its leaks.
type original struct {
	world  *World
	zone   string
	nursed bool
	slots  []*slot
	made   int // VMs, pods and checkpoints, for their names
	image  string
	backup Key // in flight; empty: none
}

// slot is one replica.
type slot struct {
	vm      string // empty: none is asked for
	pod     Key    // empty: none
	waiting bool   // for a checkpoint
	losses  int    // of pods
}

// template is what a replica starts from that has no checkpoint.
const template = "docker.io/acme/resnet:v1"

func newOriginal(w *World, p Policy) *original {
	o := &original{world: w, zone: p.Zones[0], nursed: p.Operator == Nursed, image: template}
	for range p.Replicas {
		o.slots = append(o.slots, &slot{})
	}
	return o
}

// poll looks at everything, and again after 10 s.
func (o *original) poll() {
	for _, s := range o.slots {
		o.watch(s)
	}
	o.checkpoint()
	for _, s := range o.slots {
		o.serve(s)
	}
	o.tidy()
	o.world.Clock.AfterFunc(10*time.Second, o.poll)
}

// watch sees that a VM is gone, or going.
func (o *original) watch(s *slot) {
	vm, exists := o.world.GCE.Instance(s.vm)
	if s.vm == "" || exists && vm.Status != "STOPPING" && vm.Status != "TERMINATED" {
		return
	}
	s.vm = ""
	if s.pod == (Key{}) {
		return // it never served: another one is asked for
	}
	o.world.Tracef("original loses %s", s.pod.Name)
	s.pod = Key{}
	s.losses++
	s.waiting = o.nursed || o.image == template
}

// checkpoint makes one of a survivor if a replica waits for it, and lets those that wait go on once it is done.
func (o *original) checkpoint() {
	if !slices.ContainsFunc(o.slots, func(s *slot) bool { return s.waiting }) {
		return
	}
	if r := o.world.API.Get(o.backup); r != nil {
		o.follow(As[*Backup](r))
		return
	}
	survivor := o.survivor()
	switch {
	case survivor != nil:
		o.begin(survivor)
	case o.nursed:
		o.goOn(o.image)
	}
}

// follow does what the phase of the checkpoint in flight allows.
func (o *original) follow(b *Backup) {
	r := o.world.API.Get(Key{"Pod", Namespace, b.Spec.PodRef.Name})
	isLost := r == nil || As[*corev1.Pod](r).Status.Phase != corev1.PodRunning
	switch {
	case b.Status.Phase == phaseCompleted:
		o.goOn(b.image(b.Spec.Containers[0]))
		o.backup = Key{}
	case b.Status.Phase == phaseFailed || o.nursed && isLost:
		o.backup = Key{} // another one, at the next poll
	}
}

// goOn lets the replicas that wait ask for their VMs.
func (o *original) goOn(image string) {
	o.image = image
	for _, s := range o.slots {
		s.waiting = false
	}
}

// survivor is a pod that is Running, as far as the API knows, or nil.
func (o *original) survivor() *corev1.Pod {
	for _, s := range o.slots {
		if r := o.world.API.Get(s.pod); r != nil && As[*corev1.Pod](r).Status.Phase == corev1.PodRunning {
			return As[*corev1.Pod](r)
		}
	}
	return nil
}

// begin makes a CheckpointBackup.
func (o *original) begin(pod *corev1.Pod) {
	b := &Backup{
		TypeMeta:   metav1.TypeMeta{APIVersion: "migration.dcnlab.com/v1", Kind: "CheckpointBackup"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: o.name("backup")},
		Spec: BackupSpec{
			Schedule: "immediately", PodRef: BackupRef{Name: pod.Name, Namespace: Namespace},
			Registry:   &BackupRegistry{URL: "docker.io", Repository: "sim/original"},
			Containers: []BackupContainer{{Name: "trainer", Image: "sim/original:" + o.name("image")}},
		},
	}
	o.backup = keyOf(b)
	o.world.users.create(b)
}

// serve gives a replica a VM, and its pod once the Node is there.
func (o *original) serve(s *slot) {
	switch {
	case s.waiting:
	case s.vm == "":
		o.insert(s)
	case s.losses > 1 && !o.nursed: // its VM idles
	case s.pod == (Key{}) && o.isReady(s.vm):
		o.run(s)
	}
}

func (o *original) isReady(node string) bool {
	r := o.world.API.Get(Key{Kind: "Node", Name: node})
	return r != nil && readiness(r) == corev1.ConditionTrue
}

// insert asks for a VM. Without capacity it is gone after a while, and the next poll asks for another.
func (o *original) insert(s *slot) {
	s.vm = o.name("vm")
	_, err := o.world.GCE.Cloud(Project).Insert(context.Background(), gce.InstanceSpec{
		Name: s.vm, Zone: o.zone, MachineType: "g2-standard-4", Image: "projects/sim/global/images/family/gpu", DiskSizeGB: 100, DiskType: "pd-balanced",
		ProvisioningModel: gce.ModelSpot, MaxRunDuration: gce.MaxRunDuration,
		Metadata: map[string]string{
			"startup-script": "<<'JOIN_CONFIGURATION'\nkind: JoinConfiguration\nnodeRegistration: {name: " + s.vm + "}\nJOIN_CONFIGURATION\n",
		},
	}, fmt.Sprintf("00000000-0000-4000-8000-%012d", o.made))
	if err != nil {
		panic(fmt.Errorf("the original's VM: %w", err)) // GCE takes every insert that is well formed
	}
	o.world.Tracef("original asks for %s", s.vm)
}

// run starts a replica's pod on its VM.
func (o *original) run(s *slot) {
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: o.name("pod")},
		Spec:       corev1.PodSpec{NodeName: s.vm, Containers: []corev1.Container{{Name: "trainer", Image: o.image}}},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	s.pod = keyOf(pod)
	o.world.users.create(pod)
}

// tidy deletes the Nodes of VMs that are gone.
func (o *original) tidy() {
	for _, r := range o.world.API.List("Node") {
		if _, exists := o.world.GCE.Instance(r.Name); !exists && r.Name != "control-plane" {
			_ = o.world.API.Delete(r.Key, "") // it was listed just now
		}
	}
}

func (o *original) name(kind string) string {
	o.made++
	return fmt.Sprintf("original-%s-%d", kind, o.made)
}
