package story

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// status is `status job|pool NAME`.
func (v viewer) status() (string, error) {
	if len(v.c.Args) != 2 {
		return "", errors.New("write status job NAME, or status pool NAME")
	}
	now, name := v.Now(), v.c.Args[1]
	if job := now.Job(name); v.c.Args[0] == "job" && job != nil {
		return v.jobStatus(now, job), nil
	}
	if pool := now.Pool(name); v.c.Args[0] == "pool" && pool != nil {
		return v.poolStatus(pool), nil
	}
	return "", fmt.Errorf("there is no %s %s", v.c.Args[0], name)
}

// jobStatus is a job's phase and counts, then its replicas, then the conditions that do not go without saying.
func (v viewer) jobStatus(now Snapshot, job *v1alpha1.SpotInstanceJob) string {
	s := job.Status
	nodes := map[string]bool{}
	for _, r := range s.JobStatuses {
		if r.Phase == v1alpha1.ReplicaRunning {
			nodes[r.NodeName] = true
		}
	}
	lines := []string{fmt.Sprintf("%s, %d of %d active on %s, %s", s.Phase, s.ActiveReplicas, *job.Spec.Replicas,
		counted(len(nodes), "VM"), counted(int(s.Preemptions), "preemption"))}
	if s.CompletionTime != nil {
		lines[0] += ", completed"
	}
	for _, r := range s.JobStatuses {
		lines = append(lines, v.replicaStatus(now, r))
	}
	return strings.Join(append(lines, conditions(s.Conditions)...), "\n")
}

func (v viewer) replicaStatus(now Snapshot, r v1alpha1.JobReplicaStatus) string {
	line := fmt.Sprintf("replica %d: attempt %d %s, from %s", r.Replica, r.Attempt, r.Phase, v.source(r.RestoredFrom))
	if r.Failures > 0 {
		line += ", " + counted(int(r.Failures), "failure")
	}
	child := slices.IndexFunc(now.Children, func(c batchv1.Job) bool { return c.Name == r.Name })
	if child < 0 || r.RestoredFrom == "" {
		return line
	}
	if runs := imageOf(&now.Children[child]); runs != r.RestoredFrom {
		line += ", but its Job runs " + v.source(runs)
	}
	return line
}

const unknownImage = "an image that no checkpoint made"

// source tells where an image comes from.
func (v viewer) source(image string) string {
	if image == "" {
		return "the template"
	}
	if _, broken, _ := v.Content(image); broken {
		return "a broken image"
	}
	for _, c := range checkpointsOf(v.Past()) {
		switch {
		case c.Image != image || c.Phase != completed:
		case c.Reason == "scheduled":
			return "a scheduled checkpoint"
		default:
			return fmt.Sprintf("a %s checkpoint of replica %s", c.Reason, c.Replica)
		}
	}
	return unknownImage
}

// poolStatus is a pool's phase and counts, then where its VMs are, then the conditions that do not go without saying.
func (v viewer) poolStatus(pool *v1alpha1.SpotInstanceVM) string {
	s := pool.Status
	lines := []string{fmt.Sprintf("%s, %d of %d ready, %s, %s", s.Phase, s.ReadyReplicas, s.DesiredReplicas,
		v.requested(pool.Name), counted(int(s.Preemptions), "preemption"))}
	states := map[string]int{}
	for _, vm := range s.ProvisionedInstances {
		if vm.State != v1alpha1.InstanceGone {
			state := string(vm.State)
			if vm.ProvisioningModel == gce.ModelStandard {
				state += " on demand"
			}
			states[fmt.Sprintf("zone %s: %%d %s", v.Place().ShortZone(vm.Zone), state)]++
		}
	}
	for _, state := range slices.Sorted(maps.Keys(states)) {
		lines = append(lines, fmt.Sprintf(state, states[state]))
	}
	for _, zone := range s.Zones {
		if zone.BlockedUntil != nil {
			lines = append(lines, fmt.Sprintf("zone %s: blocked, %s", v.Place().ShortZone(zone.Zone), zone.Reason))
		}
	}
	return strings.Join(append(lines, conditions(s.Conditions)...), "\n")
}

// requested tells how many VMs pools of this name ever asked for.
func (v viewer) requested(pool string) string {
	n, names := 0, map[string]bool{}
	for _, c := range v.Past() {
		if c.VM != nil && c.VM.Kind == gcefake.Created && poolOfVM(shortVM(c.VM.VM.Name)) == pool {
			n++
			names[c.VM.VM.Name] = true
		}
	}
	line := counted(n, "VM") + " requested so far"
	if len(names) < n {
		line += " under " + counted(len(names), "name")
	}
	return line
}

// conditions are those that do not go without saying. The conditions that are good when they are True do, and so do those that follow
// from Ready.
func conditions(all []metav1.Condition) []string {
	good := []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionSpecValid, v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionJoinDataValid,
		v1alpha1.ConditionZonesReachable, v1alpha1.ConditionCapacityAvailable, v1alpha1.ConditionVMsJoining,
	}
	var lines []string
	for _, c := range all {
		if c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
			continue
		}
		if c.Status != metav1.ConditionTrue || !slices.Contains(good, c.Type) {
			lines = append(lines, fmt.Sprintf("%s=%s: %s", c.Type, c.Status, c.Reason))
		}
	}
	slices.Sort(lines)
	return lines
}

// message is `message job|pool NAME CONDITION`.
func (v viewer) message() (string, error) {
	if len(v.c.Args) != 3 {
		return "", errors.New("write message job NAME CONDITION, or message pool NAME CONDITION")
	}
	now := v.Now()
	var all []metav1.Condition
	if job := now.Job(v.c.Args[1]); v.c.Args[0] == "job" && job != nil {
		all = job.Status.Conditions
	}
	if pool := now.Pool(v.c.Args[1]); v.c.Args[0] == "pool" && pool != nil {
		all = pool.Status.Conditions
	}
	c := meta.FindStatusCondition(all, v.c.Args[2])
	if c == nil {
		return "", fmt.Errorf("there is no condition %s of %s %s", v.c.Args[2], v.c.Args[0], v.c.Args[1])
	}
	return v.plain(c.Message), nil
}

// left is `left`.
func (v viewer) left() (string, error) {
	now := v.Now()
	return strings.Join([]string{
		counted(len(now.VMs), "VM"), counted(len(now.Nodes), "Node"), counted(len(now.Children), "Job"),
		counted(len(now.Operations), "operation") + " in flight",
	}, ", "), nil
}

// counted is "no VMs", "1 VM", "2 VMs".
func counted(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
