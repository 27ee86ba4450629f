package spotinstancevm

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// capacityCondition tells which zones cannot be asked, if that keeps VMs from coming, or is not by want of capacity alone.
func capacityCondition(o observed, d decision) metav1.Condition {
	var blocked, refusing []string
	open := false
	for _, z := range useful(d.zones, d.unserved) {
		if z.until.IsZero() {
			open = open || z.read
			continue
		}
		why := z.reason
		if z.message != "" {
			why += ": " + z.message
		}
		blocked = append(blocked, z.name+" ("+why+")")
		if isOwnNo(z.reason) {
			refusing = append(refusing, z.name+" ("+why+")")
		}
	}
	if silent := silentCondition(o, d); silent != nil {
		return *silent
	}
	if d.missing > 0 && !open && len(blocked) > 0 {
		return condition(v1alpha1.ConditionCapacityAvailable, false, v1alpha1.ReasonZonesExhausted,
			"no zone can be asked for a VM now"+thatPodsAllow(d)+": "+strings.Join(blocked, ", ")+": wait, raise the quota, or add zones to spec.gcp.zones; status.zones says until when")
	}
	message := "a zone can be asked when a VM is needed"
	if len(refusing) > 0 {
		message += ", but not " + strings.Join(refusing, ", ") + ": if that is to stay, remove it from spec.gcp.zones; status.zones says until when it is not asked"
	}
	return condition(v1alpha1.ConditionCapacityAvailable, true, v1alpha1.ReasonAvailable, message)
}

// thatPodsAllow says that only some of the zones are of use.
func thatPodsAllow(d decision) string {
	if len(useful(d.zones, d.unserved)) == len(d.zones) {
		return ""
	}
	return " that the pod of Job " + d.unserved[0].name + " may run in, by its node selector and affinity"
}

// silentCondition tells of an insert that GCE has not answered for some time, if there is one.
func silentCondition(o observed, d decision) *metav1.Condition {
	i := slices.IndexFunc(d.machines, func(m machine) bool { return m.isLeftToShow(o.now) })
	if i < 0 {
		return nil
	}
	m := d.machines[i]
	said := ""
	for _, z := range d.zones {
		if z.name == m.zone && z.message != "" {
			said = ": " + strings.TrimSuffix(z.message, ".")
		}
	}
	unanswered := condition(v1alpha1.ConditionCapacityAvailable, false, v1alpha1.ReasonNoAnswer, fmt.Sprintf(
		"GCE has not said what became of the insert of %s in %s%s: if the zone shows no such VM within %s, another zone is asked", m.name, m.zone, said, awaitUnanswered))
	return &unanswered
}
