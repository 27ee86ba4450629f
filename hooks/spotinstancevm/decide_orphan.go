package spotinstancevm

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Orphan is a VM that this operator made for a SpotInstanceVM which does not exist any more.
type Orphan struct {
	gce.Instance
	PoolID  string // v1alpha1.PoolID: a hash of the pool's namespace and name
	PoolUID string
	Age     time.Duration
}

// census is what tells orphans: the VMs of a project that carry the cluster's label, and all pools of the cluster, which
// were listed after the VMs.
type census struct {
	cluster   string // UID of Namespace kube-system
	instances []gce.Instance
	pools     []v1alpha1.SpotInstanceVM
	now       time.Time
	grace     time.Duration // younger VMs are nobody's orphans
}

var (
	poolIDForm = regexp.MustCompile(`^[0-9a-f]{16}$`)
	uidForm    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// orphansOf are the VMs to delete, without those that GCE is about to take anyway. Whatever is not known of a VM speaks for it.
func orphansOf(c census) []Orphan {
	alive := map[types.UID]bool{}
	for _, pool := range c.pools {
		alive[pool.UID] = true
	}
	var orphans []Orphan
	for _, i := range c.instances {
		o := Orphan{Instance: i, PoolID: i.Labels[labelPool], PoolUID: i.Labels[labelPoolUID], Age: c.now.Sub(i.CreationTime)}
		isOld := !i.CreationTime.IsZero() && o.Age >= c.grace
		isGoing := isDown(i.Status) && !isOff(i.Status)
		if isOld && !isGoing && isOurs(c.cluster, i) && !alive[types.UID(o.PoolUID)] {
			orphans = append(orphans, o)
		}
	}
	slices.SortFunc(orphans, func(a, b Orphan) int { return strings.Compare(a.Zone+"/"+a.Name, b.Zone+"/"+b.Name) })
	return orphans
}

// isOurs tells whether this operator made the VM for some pool of this cluster. Labels alone do not prove that: Google's console
// copies them to a VM that is created from one of ours, but not the name.
func isOurs(cluster string, i gce.Instance) bool {
	id := identity{cluster: cluster, uid: i.Labels[labelPoolUID]}
	if !uidForm.MatchString(cluster) || !uidForm.MatchString(id.uid) || !poolIDForm.MatchString(i.Labels[labelPool]) {
		return false
	}
	stem := strings.TrimRight(i.Name, "0123456789")
	return i.Labels[labelCluster] == cluster && stem != i.Name && strings.HasSuffix(stem, "-"+id.mark()+"-")
}
