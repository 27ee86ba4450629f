package realnode

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Step is one step of the training program, as it printed it.
type Step struct {
	At     time.Time // when it was printed, as a container's log tells; zero in the output of the program itself
	Number int
	Loss   string // all digits, so that equal means equal
	Boot   string // drawn when the process first started
}

// Steps are those in a log, of a container or of the program itself, in order. Lines that are no steps are left out.
func Steps(log string) []Step {
	var steps []Step
	for line := range strings.Lines(log) {
		before, rest, found := strings.Cut(line, "step ")
		fields := strings.Fields(rest)
		if !found || len(fields) != 5 || fields[1] != "loss" || fields[3] != "boot" {
			continue
		}
		stamp, _, _ := strings.Cut(before, " ")
		at, _ := time.Parse(time.RFC3339Nano, stamp) // none in the program's own output
		if number, err := strconv.Atoi(fields[0]); err == nil {
			steps = append(steps, Step{At: at, Number: number, Loss: fields[2], Boot: fields[4]})
		}
	}
	return steps
}

// Same reports the first step whose loss is another than that of the undisturbed run, or that the undisturbed run has and nobody did.
// Steps may come more than once, as those after a checkpoint do.
func Same(disturbed, undisturbed []Step) error {
	want := map[int]string{}
	for _, step := range undisturbed {
		want[step.Number] = step.Loss
	}
	done := map[int]bool{}
	for _, step := range disturbed {
		done[step.Number] = true
		if loss, known := want[step.Number]; !known || loss != step.Loss {
			return fmt.Errorf("step %d has loss %s, and without a preemption %s", step.Number, step.Loss, loss)
		}
	}
	for _, step := range undisturbed {
		if !done[step.Number] {
			return fmt.Errorf("step %d was never trained", step.Number)
		}
	}
	return nil
}

// StepTime is how long the training program takes for a step, unless STEP_SECONDS says otherwise.
const StepTime = 200 * time.Millisecond
