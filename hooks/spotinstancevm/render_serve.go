package spotinstancevm

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// usualStartOf is what status says of usualStart; 0: nothing.
func usualStartOf(status v1alpha1.SpotInstanceVMStatus) time.Duration {
	if status.UsualStartTime == nil {
		return 0
	}
	return status.UsualStartTime.Duration
}

// noteLacks writes how long VMs usually take, and why and since when VMs serve no replica: the moment stays while the reason does. The
// entries of now are those of d's machines, in order.
func noteLacks(before v1alpha1.SpotInstanceVMStatus, now *v1alpha1.SpotInstanceVMStatus, o observed, d decision) {
	if d.usualStart > 0 {
		now.UsualStartTime = &metav1.Duration{Duration: d.usualStart}
	}
	old := map[string]v1alpha1.VMInstanceStatus{}
	for _, entry := range before.ProvisionedInstances {
		old[entry.Name] = entry
	}
	for i, m := range d.machines {
		entry := &now.ProvisionedInstances[i]
		if entry.NotServing = lackOf(o, d, m).reason; entry.NotServing == "" {
			continue
		}
		entry.NotServingSince = stamp(o.moment())
		if was := old[entry.Name]; was.NotServing == entry.NotServing && was.NotServingSince != nil && webhook.IsWritable(*was.NotServingSince) {
			entry.NotServingSince = was.NotServingSince
		}
	}
}

// comingText tells of VMs that are on their way, where nothing else is to be told.
func comingText(o observed, d decision) string {
	var coming []string
	for _, m := range d.machines {
		switch m.state {
		case v1alpha1.InstancePlanned, v1alpha1.InstanceCreating, v1alpha1.InstanceJoining:
			coming = append(coming, fmt.Sprintf("VM %s in %s: %s", m.name, m.zone, lackOf(o, d, m).reason))
		}
	}
	if len(coming) == 0 {
		return ""
	}
	told := "; " + strings.Join(coming[:min(len(coming), mostTold)], ", ")
	if more := len(coming) - mostTold; more > 0 {
		told += fmt.Sprintf(" and %d more", more)
	}
	return told + ": status.provisionedInstances says since when"
}
