package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// strike does something to the VM that a replica is on, as its job's status tells.
func (s *scene) strike(o *story.Options, do func(vm string) error) error {
	name, replica, _ := strings.Cut(o.TheName(), "/")
	for _, r := range (jobOf{s, name}).status().JobStatuses {
		if fmt.Sprint(r.Replica) == replica && r.NodeName != "" {
			return do(r.NodeName)
		}
	}
	return fmt.Errorf("replica %v is on no VM", o.Args)
}

// doPreempt is a preemption, with notice=none one whose notice nobody sees.
func (s *scene) doPreempt(o *story.Options) error {
	switch o.Text("notice", "") {
	case "":
		return s.strike(o, lab.GCE().Preempt)
	case "none":
		return s.strike(o, lab.GCE().PreemptWithoutNotice)
	}
	return fmt.Errorf("preempt notice=%s: write notice=none", o.Options["notice"])
}

func (s *scene) doPreemptZone(o *story.Options) error {
	for _, vm := range s.vms() {
		if vm.Zone != s.Place().Zone(o.TheName()) {
			continue
		}
		if err := lab.GCE().Preempt(vm.Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) doLoseVM(o *story.Options) error {
	vm := s.Now().VMNamed(o.TheName())
	if vm == nil {
		return fmt.Errorf("there is no VM %v", o.Args)
	}
	return lab.GCE().Crash(vm.Name)
}

func (s *scene) doCapacity(o *story.Options) error {
	n, err := number(o)
	if err != nil {
		return err
	}
	zone := s.Place().Zone(o.Args[0])
	lab.GCE().SetCapacity(zone, n)
	s.Cleanup(func() { lab.GCE().SetCapacity(zone, -1) })
	return nil
}

// doBoots lets the next VMs that boot do so as told.
func (s *scene) doBoots(o *story.Options) error {
	machine, known := map[string]cluster.Machine{
		"never": {NeverJoins: true}, "slow": {JoinAfter: 5 * time.Second}, "without-gpus": {WithoutGPUs: true},
	}[o.TheName()]
	if !known {
		return fmt.Errorf("boots %v: write never, slow or without-gpus", o.Args)
	}
	var mu sync.Mutex
	most, seen := int(*o.Number("n", 1)), map[string]bool{}
	s.Cleanup(lab.Hypervisor().When(func(vm gcefake.VM) bool {
		if vm.Project != s.namespace {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < most {
			seen[vm.ID] = true
		}
		return seen[vm.ID]
	}, machine))
	return nil
}

func (s *scene) doAgent(o *story.Options) error {
	behaviour, err := behaviourOf(o)
	if err != nil {
		return err
	}
	return lab.Behave(s.Context(), s.namespace, behaviour)
}

func behaviourOf(o *story.Options) (cluster.AgentBehaviour, error) {
	mode, known := map[string]cluster.AgentMode{
		"works": cluster.AgentWorks, "hangs": cluster.AgentHangs, "fails": cluster.AgentFails, "forgets": cluster.AgentForgets,
		"breaks-images": cluster.AgentBreaksImages, "absent": cluster.AgentAbsent,
	}[o.TheName()]
	if !known {
		return cluster.AgentBehaviour{}, fmt.Errorf("agent %v: nobody behaves like that", o.Args)
	}
	return cluster.AgentBehaviour{Mode: mode, Duration: o.Duration("duration", 0).Duration}, nil
}

// doBreakImage breaks the image of the job's best checkpoint.
func (s *scene) doBreakImage(o *story.Options) error {
	image := jobOf{s, o.TheName()}.status().LastCheckpointImage
	if image == "" {
		return fmt.Errorf("job %v has no checkpoint", o.Args)
	}
	if *realNodes {
		return errors.New("break-image: an image in the registry of real nodes cannot be broken")
	}
	lab.Images().Break(image)
	s.broken[image] = true
	return nil
}

// doGCE lets the next n calls of a method in the story's zones go wrong.
func (s *scene) doGCE(o *story.Options) error {
	if len(o.Args) != 2 {
		return fmt.Errorf("gce %v: write a method and a fault", o.Args)
	}
	method, knownMethod := map[string]gcefake.Method{
		"insert": gcefake.Insert, "delete": gcefake.Delete, "list": gcefake.ListInstances, "operations": gcefake.ListOperations,
	}[o.Args[0]]
	fault, knownFault := map[string]gcefake.Behaviour{
		"lose": gcefake.LostAnswer(), "refuse-unavailable": gcefake.Down(), "rate-limit": gcefake.RateLimited(0), "hang": gcefake.Hang(),
		"partial": gcefake.Partial(), "stockout-now": gcefake.StockoutAtOnce(),
	}[o.Args[1]]
	if !knownMethod || !knownFault {
		return fmt.Errorf("gce %v: the lab has no such fault", o.Args)
	}
	for range *o.Number("n", 1) {
		s.Cleanup(lab.GCE().Once(gcefake.Call{Method: method, Zone: s.Place().Zone(o.Text("zone", "a"))}, fault))
	}
	return nil
}

// doCrashHooks kills the hooks after the next insert in the story's first zone and before its answer, and starts them again.
func (s *scene) doCrashHooks(o *story.Options) error {
	if !maps.Equal(o.Options, map[string]string{"after": "1"}) {
		return fmt.Errorf("crash-hooks: the lab knows after=1 only, for an insert")
	}
	sent, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	cancel := lab.GCE().Once(gcefake.Call{Method: gcefake.Insert, Zone: s.zones["a"]}, gcefake.HoldAnswer(func() { close(sent) }, release))
	go func() {
		select {
		case <-sent:
			lab.Hooks().Kill()
			// Not the story's context: others need the hooks, too.
			done <- lab.Hooks().Restart(context.Background())
		case <-s.Context().Done():
			done <- fmt.Errorf("the hooks were never killed")
		}
	}()
	s.Cleanup(func() {
		cancel()
		close(release)
		if err := <-done; err != nil {
			s.Error(err)
		}
	})
	return nil
}
