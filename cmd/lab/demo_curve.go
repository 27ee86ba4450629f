package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// curves are what a training on real nodes printed, and what it prints if nobody disturbs it.
type curves struct {
	undisturbed []realnode.Step
	attempts    []attemptCurve // in the order in which they began
	losses      []*loss
}

// attemptCurve is what one pod printed itself: a restored container's log begins with the lines of the original.
type attemptCurve struct {
	pod   string
	made  time.Time
	steps []realnode.Step
}

// curvePicture is where the demo on real nodes leaves its picture.
const curvePicture = "demo-real.svg"

// compareCurves proves that the training came out as if nobody had disturbed it: the same loss at every step.
func (r *running) compareCurves(ctx context.Context, s *screen, w *world) error {
	training, _ := r.work()
	out, err := r.lab.TrainUndisturbed(ctx, training)
	if err != nil {
		return err
	}
	logs, err := r.lab.PodLogs(r.namespace)
	if err != nil {
		return err
	}
	c := curves{undisturbed: realnode.Steps(out), losses: w.losses}
	var all []realnode.Step
	for pod, log := range logs {
		steps := realnode.Steps(log)
		all = append(all, steps...)
		name := strings.Split(pod, "_")[1]
		c.attempts = append(c.attempts, attemptCurve{pod: name, made: w.made[name], steps: steps})
	}
	c.keepOwn()
	if err := realnode.Same(all, c.undisturbed); err != nil {
		return fmt.Errorf("the training was disturbed: %w", err)
	}
	path := filepath.Join(r.root, "bin", curvePicture)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(c.picture()), 0o600); err != nil {
		return err
	}
	last := c.undisturbed[len(c.undisturbed)-1]
	s.print(fmt.Sprintf("\nEvery one of the %d steps has the loss that it has without any preemption, to the last digit; the last is %s.\n"+
		"The two curves, with the preemptions: %s\n", last.Number, last.Loss, path))
	return nil
}

// keepOwn leaves in each attempt what none that was made before has printed.
func (c *curves) keepOwn() {
	printed := map[time.Time]bool{}
	slices.SortFunc(c.attempts, func(a, b attemptCurve) int { return cmp.Or(a.made.Compare(b.made), strings.Compare(a.pod, b.pod)) })
	for i := range c.attempts {
		c.attempts[i].steps = slices.DeleteFunc(c.attempts[i].steps, func(step realnode.Step) bool {
			seen := printed[step.At]
			printed[step.At] = true
			return seen
		})
	}
}
