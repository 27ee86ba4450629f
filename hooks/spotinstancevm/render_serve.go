package spotinstancevm

import (
	"fmt"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// noteSince writes since when VMs serve no replica: the moment stays while the reason does.
func noteSince(before, now []v1alpha1.VMInstanceStatus, moment time.Time) {
	old := map[string]v1alpha1.VMInstanceStatus{}
	for _, entry := range before {
		old[entry.Name] = entry
	}
	for i := range now {
		entry := &now[i]
		if entry.NotServing == "" {
			continue
		}
		entry.NotServingSince = stamp(moment)
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
