package spotinstancevm

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/nodefit"
)

// What is kept of machine types, for all pools together. Status remembers the size, so that one pool asks once.
const (
	keepMachineType  = 24 * time.Hour
	retryMachineType = 10 * time.Minute // one that was not told
)

// machineTypeReader asks once for each machine type of a zone.
type machineTypeReader struct {
	now     func() time.Time
	flights singleflight.Group
	mu      sync.Mutex
	kept    map[machineTypeAt]machineTypeAnswer
}

type machineTypeAt struct {
	place
	name string
}

type machineTypeAnswer struct {
	machineType gce.MachineType
	err         error
	at          time.Time
}

func newMachineTypeReader(now func() time.Time) *machineTypeReader {
	return &machineTypeReader{now: now, kept: map[machineTypeAt]machineTypeAnswer{}}
}

func (r *machineTypeReader) read(ctx context.Context, cloud gce.Cloud, at machineTypeAt) (gce.MachineType, error) {
	if kept, isFresh := r.recall(at); isFresh {
		return kept.machineType, kept.err
	}
	result, _, _ := r.flights.Do(at.account+" "+at.project+" "+at.zone+" "+at.name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		answer := machineTypeAnswer{at: r.now()}
		answer.machineType, answer.err = cloud.MachineType(ctx, at.zone, at.name)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.kept[at] = answer
		return answer, nil
	})
	answer, _ := result.(machineTypeAnswer)
	return answer.machineType, answer.err
}

func (r *machineTypeReader) recall(at machineTypeAt) (kept machineTypeAnswer, isFresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.kept[at]
	keep := keepMachineType
	if kept.err != nil {
		keep = retryMachineType
	}
	age := r.now().Sub(kept.at)
	return kept, found && age >= 0 && age < keep
}

// recalledSize is the size of a VM as status has it, if that is of the machine type that the spec names, and was measured as it is.
func recalledSize(pool *v1alpha1.SpotInstanceVM, edited bool) *v1alpha1.MachineStatus {
	known := pool.Status.Machine
	if known == nil || edited || known.MachineType != pool.Spec.GCP.MachineType {
		return nil
	}
	return known.DeepCopy()
}

// readSize asks for the size of the pool's machine type: of the first zone that has it. If nobody tells, it is not known.
func (h *Hook) readSize(ctx context.Context, o observed, a access) *v1alpha1.MachineStatus {
	for _, zone := range o.settings.zones {
		at := machineTypeAt{place{account: a.account.hash(), project: o.id.project, zone: zone}, o.settings.machineType}
		found, err := h.machineTypes.read(ctx, a.cloud, at)
		if err == nil {
			return sizeOf(found, o.settings)
		}
		if gce.KindOf(err) != gce.NotFound {
			return nil
		}
	}
	return nil
}

func (o *observed) takeSize(read *v1alpha1.MachineStatus) {
	if read != nil {
		o.machine, o.isSizeNew = read, true
	}
}

// sizeOf is what pods can have at most of a VM. Where it has local disks, the startup script may give those to the kubelet.
func sizeOf(found gce.MachineType, s settings) *v1alpha1.MachineStatus {
	size := &v1alpha1.MachineStatus{
		MachineType: s.machineType, Source: v1alpha1.MachineSourceType, Allocatable: corev1.ResourceList{},
		Architecture: map[string]string{"X86_64": "amd64", "ARM64": "arm64"}[found.Architecture],
	}
	if found.CPUs > 0 && found.MemoryMiB > 0 {
		size.Allocatable = nodefit.Size(found.CPUs, found.MemoryMiB)
	}
	if found.LocalSSDs == 0 {
		size.Allocatable[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(s.diskSizeGB<<30, resource.BinarySI)
	}
	return size
}

// recallNodes notes what the request tells of the pool's Nodes, and of what pods find there.
func (o *observed) recallNodes(r request) {
	o.machine, o.otherLabels = recalledSize(r.pool, o.edited), otherLabels(r, o.settings)
	o.lent, o.rejecting = lentTo(*o, r), rejectingVMs(r)
	o.fitWants(r)
}

// measure takes the size from the Nodes, and looks once more what fits if it is another one.
func (o *observed) measure(r request) {
	if o.takeAllocatable() || o.isSizeNew {
		o.fitWants(r)
	}
}

// takeAllocatable takes the size from the Nodes of VMs that are as the spec says: the most that any has left for pods. It is true if that is
// news.
func (o *observed) takeAllocatable() (isNew bool) {
	for _, m := range o.machines {
		if m.presence != present || m.oldSpec || m.node == nil || !m.node.ready || m.seen.machine != o.settings.machineType {
			continue
		}
		if _, told := m.node.allocatable[corev1.ResourceCPU]; !told {
			continue // its kubelet has not looked yet
		}
		if o.machine == nil {
			o.machine = &v1alpha1.MachineStatus{MachineType: o.settings.machineType}
		}
		if o.machine.Source != v1alpha1.MachineSourceNode {
			o.machine.Source, o.machine.Allocatable, isNew = v1alpha1.MachineSourceNode, corev1.ResourceList{}, true
		}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
			left, told := m.node.allocatable[name]
			if known, isKnown := o.machine.Allocatable[name]; told && (!isKnown || left.Cmp(known) > 0) {
				o.machine.Allocatable[name], isNew = left, true
			}
		}
	}
	return isNew
}

// mostOtherLabels is the schema's limit.
const mostOtherLabels = 64

// otherLabels are the keys of labels that Nodes of the pool have been seen with and that the spec does not tell of.
func otherLabels(r request, s settings) []string {
	keys := map[string]bool{}
	for _, key := range r.pool.Status.OtherNodeLabels {
		keys[key] = true
	}
	own := append([]string{v1alpha1.LabelNotice}, ownNodeLabels...)
	for _, n := range r.nodes {
		for key := range n.Labels {
			if _, isTold := s.nodeLabels[key]; !isTold && !keys[key] && nodefit.IsAbsent(key) && !slices.Contains(own, key) {
				keys[key] = true
			}
		}
	}
	sorted := slices.Sorted(maps.Keys(keys))
	return sorted[:min(len(sorted), mostOtherLabels)]
}

// fitWants notes of each replica whether a VM of the pool can run its pod, and in which zones. All attempts of a job have one template.
func (o *observed) fitWants(r request) {
	if len(o.wants) == 0 {
		return
	}
	known := *r.pool
	known.Status.Machine, known.Status.OtherNodeLabels, known.Status.LentNodes = o.machine, o.otherLabels, 0
	pool := nodefit.PoolOf(&known)
	type fit struct {
		zones  []string
		misfit *nodefit.Misfit
	}
	fits := map[string]fit{} // by job
	for i := range o.wants {
		w := &o.wants[i]
		found, isKnown := fits[w.job]
		if !isKnown && w.pod != nil {
			found.misfit = pool.Check(w.pod)
			if zones := pool.Zones(w.pod); len(zones) < len(o.settings.zones) {
				found.zones = append([]string{}, zones...)
			}
			fits[w.job] = found
		}
		w.zones, w.misfit, w.unfit = found.zones, found.misfit, found.misfit != nil && len(w.vms) == 0
	}
}
