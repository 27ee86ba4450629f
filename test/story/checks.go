package story

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// facts are what a check can ask of a thing, by name. Conditions are asked for with condition=Type:Reason, with
// no-condition=Type, and with says=Type:words_of_its_message.
type facts struct {
	values     map[string]string
	conditions []metav1.Condition
}

// checkOf reads what must be so:
//
//	job NAME      phase, active, trains, preemptions, checkpoints, more-checkpoints, kept, interval, cost, condition,
//	              no-condition, says
//	replica JOB/N attempt, phase, reason, failures, from (checkpoint or template)
//	pool NAME     phase, ready, desired, listed, vms, preemptions, condition, no-condition, says
//	vm POOL/N     state (PROVISIONING, RUNNING, ... or gone), reason, joined
//	node NAME     ready (True, False, Unknown), taints: of a Node that a user has brought
//	left          vms, nodes, jobs, backups, operations
//	gone job|pool NAME
//	seen MILESTONE
//
// Numbers can be compared with =, >= and <=. trains is like active, of a job that is Running and Ready; more-checkpoints
// counts from now on; kept are completed checkpoints that nobody has deleted; interval and cost are what the operator has chosen
// and measured, in seconds; vms are those that exist in the cloud, listed
// those that the pool's status lists and does not call Gone.
func (v viewer) checkOf(args []string) (func() error, error) {
	what := strings.Join(args[:min(1, len(args))], "")
	switch {
	case what == "left" && len(args) == 1:
		return v.matching(func() (facts, error) { return v.leftFacts(), nil })
	case what == "gone" && len(args) == 3:
		return func() error { return v.isGone(args[1], args[2]) }, nil
	case what == "seen" && len(args) == 2:
		return func() error { return v.isSeen(args[1]) }, nil
	case len(args) != 2:
		return nil, errors.New("name what must be so: job NAME, replica JOB/N, pool NAME, vm POOL/N, node NAME, left, gone job|pool NAME or seen MILESTONE")
	}
	switch name := args[1]; what {
	case "job":
		had := v.checkpoints(name)
		return v.matching(func() (facts, error) { return v.jobFacts(name, had) })
	case "replica":
		return v.matching(func() (facts, error) { return v.replicaFacts(name) })
	case "pool":
		return v.matching(func() (facts, error) { return v.poolFacts(name) })
	case "vm":
		return v.matching(func() (facts, error) { return v.vmFacts(name), nil })
	case "node":
		return v.matching(func() (facts, error) { return v.nodeFacts(name) })
	}
	return nil, fmt.Errorf("nothing is known of a %s", what)
}

// matching is a check that facts are as the command's options say.
func (v viewer) matching(read func() (facts, error)) (func() error, error) {
	for key := range v.c.Options {
		if known, err := read(); err == nil && !known.knows(key) {
			return nil, fmt.Errorf("there is no %s: ask for one of %s", key, strings.Join(slices.Sorted(maps.Keys(known.values)), ", "))
		}
	}
	return func() error {
		known, err := read()
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(v.c.Options)) {
			if !known.match(key, v.c.Options[key]) {
				return fmt.Errorf("want %s=%s, have %s", key, v.c.Options[key], known)
			}
		}
		return nil
	}, nil
}

func (f facts) knows(key string) bool {
	_, known := f.values[strings.TrimRight(key, "<>")]
	return known || key == "condition" || key == "no-condition" || key == "says"
}

func (f facts) match(key, want string) bool {
	switch key {
	case "condition":
		kind, reason, _ := strings.Cut(want, ":")
		c := meta.FindStatusCondition(f.conditions, kind)
		return c != nil && c.Reason == reason
	case "no-condition":
		return !meta.IsStatusConditionTrue(f.conditions, want)
	case "says":
		kind, words, _ := strings.Cut(want, ":")
		c := meta.FindStatusCondition(f.conditions, kind)
		return c != nil && strings.Contains(c.Message, strings.ReplaceAll(words, "_", " "))
	}
	have := f.values[strings.TrimRight(key, "<>")]
	if have == want {
		return true
	}
	a, errA := strconv.Atoi(have)
	b, errB := strconv.Atoi(want)
	return errA == nil && errB == nil && (strings.HasSuffix(key, ">") && a > b || strings.HasSuffix(key, "<") && a < b)
}

// String is all facts in a line.
func (f facts) String() string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		all = append(all, key+"="+f.values[key])
	}
	for _, c := range f.conditions {
		all = append(all, fmt.Sprintf("%s=%s:%s (%s)", c.Type, c.Status, c.Reason, c.Message))
	}
	return strings.Join(all, " ")
}

func (v viewer) checkpoints(job string) int32 {
	if j := v.Now().Job(job); j != nil {
		return j.Status.Checkpoints
	}
	return 0
}

func (v viewer) jobFacts(name string, had int32) (facts, error) {
	now := v.Now()
	job := now.Job(name)
	if job == nil {
		return facts{}, fmt.Errorf("there is no job %s", name)
	}
	kept := 0
	for _, c := range now.Checkpoints {
		if c.Owner == name && c.Phase == completed && !c.Leaving {
			kept++
		}
	}
	s := job.Status
	values := map[string]string{
		"phase": string(s.Phase), "active": fmt.Sprint(s.ActiveReplicas), "preemptions": fmt.Sprint(s.Preemptions),
		"checkpoints": fmt.Sprint(s.Checkpoints), "more-checkpoints": fmt.Sprint(s.Checkpoints - had), "kept": fmt.Sprint(kept), "trains": "no",
		"interval": "as given", "cost": "unknown",
	}
	if auto := s.AutoInterval; auto != nil {
		values["interval"] = fmt.Sprint(int(auto.Interval.Seconds()))
		if auto.CheckpointCost != nil {
			values["cost"] = fmt.Sprint(int(auto.CheckpointCost.Seconds()))
		}
	}
	if s.Phase == v1alpha1.JobRunning && meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionReady) {
		values["trains"] = fmt.Sprint(s.ActiveReplicas)
	}
	return facts{values, s.Conditions}, nil
}

func (v viewer) replicaFacts(name string) (facts, error) {
	r, err := v.newest(name)
	from := "template"
	if r.RestoredFrom != "" {
		from = "checkpoint"
	}
	return facts{values: map[string]string{
		"attempt": fmt.Sprint(r.Attempt), "phase": r.Phase, "reason": r.Reason, "failures": fmt.Sprint(r.Failures), "from": from,
	}}, err
}

func (v viewer) poolFacts(name string) (facts, error) {
	now := v.Now()
	pool := now.Pool(name)
	if pool == nil {
		return facts{}, fmt.Errorf("there is no pool %s", name)
	}
	vms, listed := 0, 0
	for _, vm := range now.VMs {
		if poolOfVM(shortVM(vm.Name)) == name {
			vms++
		}
	}
	for _, vm := range pool.Status.ProvisionedInstances {
		if vm.State != v1alpha1.InstanceGone {
			listed++
		}
	}
	s := pool.Status
	return facts{map[string]string{
		"phase": string(s.Phase), "ready": fmt.Sprint(s.ReadyReplicas), "desired": fmt.Sprint(s.DesiredReplicas),
		"vms": fmt.Sprint(vms), "listed": fmt.Sprint(listed), "preemptions": fmt.Sprint(s.Preemptions),
	}, s.Conditions}, nil
}

// poolOfVM is the pool of a VM's short name.
func poolOfVM(short string) string {
	pool, _, _ := strings.Cut(short, "/")
	return pool
}

func (v viewer) vmFacts(name string) facts {
	now := v.Now()
	values := map[string]string{"state": "none", "reason": "", "joined": ""}
	if count(v.milestones(), "vm-requested:"+name) > 0 {
		values["state"] = "gone"
	}
	if vm := now.VMNamed(name); vm != nil {
		values["state"] = vm.Status
	}
	for _, pool := range now.Pools {
		for _, vm := range pool.Status.ProvisionedInstances {
			if shortVM(vm.Name) == name {
				values["reason"], values["joined"] = vm.Reason, fmt.Sprint(vm.JoinedCluster)
			}
		}
	}
	return facts{values: values}
}

func (v viewer) nodeFacts(name string) (facts, error) {
	for _, node := range v.Now().Brought {
		if node.Name != v.Place().node(name) || node.DeletionTimestamp != nil {
			continue
		}
		values := map[string]string{"ready": string(corev1.ConditionUnknown), "taints": fmt.Sprint(len(node.Spec.Taints))}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady {
				values["ready"] = string(c.Status)
			}
		}
		return facts{values: values}, nil
	}
	return facts{}, fmt.Errorf("there is no Node %s", name)
}

func (v viewer) leftFacts() facts {
	now := v.Now()
	return facts{values: map[string]string{
		"vms": fmt.Sprint(len(now.VMs)), "nodes": fmt.Sprint(len(now.Nodes)), "jobs": fmt.Sprint(len(now.Children)),
		"backups": fmt.Sprint(len(now.Checkpoints)), "operations": fmt.Sprint(len(now.Operations)),
	}}
}

func (v viewer) isGone(kind, name string) error {
	now := v.Now()
	if kind == "job" && now.Job(name) != nil || kind == "pool" && now.Pool(name) != nil {
		return fmt.Errorf("%s %s is still there", kind, name)
	}
	return nil
}

func (v viewer) isSeen(milestone string) error {
	told := v.milestones()
	if count(told, milestone) == 0 {
		return fmt.Errorf("%s did not happen; what did: %s", milestone, names(told))
	}
	return nil
}
