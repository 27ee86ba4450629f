package spotinstancevm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Labels of a VM and its disk. They hold what a Kubernetes label could not say in GCE's alphabet: a-z, 0-9, _ and -.
const (
	labelCluster = "spot-training-cluster"  // UID of Namespace kube-system
	labelPool    = "spot-training-pool"     // v1alpha1.PoolID
	labelPoolUID = "spot-training-pool-uid" // UID of the SpotInstanceVM
	labelSpec    = "spot-training-spec"     // settings.specHash at the VM's creation
	labelGPUs    = "spot-training-gpus"     // GPUs that its Node must show to be Ready
)

// maxPoolInName is how much of the pool's name goes into the names of its VMs.
const maxPoolInName = 40

// identity is what the names of a pool's VMs, requests and labels are made of. None of it ever changes for a pool, and
// a pool that is deleted and created again under its name has another one.
type identity struct {
	cluster   string
	project   string
	namespace string
	name      string
	uid       string
}

func (id identity) poolID() string { return v1alpha1.PoolID(id.namespace, id.name) }

// prefix is the name of each VM and Node of the pool, up to the ordinal: "t4-pool-1a2b3c-". GCE wants a letter first.
func (id identity) prefix() string {
	name := strings.ReplaceAll(id.name, ".", "-")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "p" + name
	}
	return fmt.Sprintf("%.*s-%s-", maxPoolInName, name, id.mark())
}

// mark is in the name of each VM, and tells pools of one name apart.
func (id identity) mark() string { return v1alpha1.Hash(id.cluster + "/" + id.uid)[:6] }

func (id identity) vmName(ordinal int) string { return id.prefix() + strconv.Itoa(ordinal) }

// ordinal is the number of one of the pool's VMs, from its name.
func (id identity) ordinal(vm string) (int, bool) {
	digits, ours := strings.CutPrefix(vm, id.prefix())
	n, err := strconv.Atoi(digits)
	return n, ours && err == nil && n >= 0 && strconv.Itoa(n) == digits
}

// insertID is the request id of the only insert ever sent for this VM in this zone.
func (id identity) insertID(vm, zone string) string { return id.requestID("insert", zone, vm) }

// deleteID is the request id of a delete. A delete that failed is followed by another request, not by its repetition.
func (id identity) deleteID(vm, instanceID, failed string) string {
	return id.requestID("delete", vm, instanceID, failed)
}

func (id identity) requestID(parts ...string) string {
	name := strings.Join(append([]string{id.cluster, id.uid}, parts...), "/")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}

// providerID is the spec.providerID of the Node of one of the pool's VMs.
func (id identity) providerID(zone, vm string) string {
	return fmt.Sprintf("gce://%s/%s/%s", id.project, zone, vm)
}

// zoneOf is the zone of a Node of the pool, if its providerID is that of a VM of this name in this project.
func (id identity) zoneOf(providerID, node string) (string, bool) {
	rest, found := strings.CutPrefix(providerID, "gce://"+id.project+"/")
	zone, vm, split := strings.Cut(rest, "/")
	return zone, found && split && vm == node && zone != ""
}

// ownerLabels are on every VM of the pool.
func (id identity) ownerLabels() map[string]string {
	return map[string]string{labelCluster: id.cluster, labelPool: id.poolID(), labelPoolUID: id.uid}
}

// regionOf is the region of a zone: us-central1 for us-central1-a.
func regionOf(zone string) string { return zone[:max(0, strings.LastIndex(zone, "-"))] }
