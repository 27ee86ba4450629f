package realnode_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

const log = `2026-11-30T10:00:00.1Z stdout F step 1 loss 0.5 boot aa
2026-11-30T10:00:00.2Z stdout F step 2 loss 0.25 boot aa
2026-11-30T10:00:00.3Z stdout F trained
2026-11-30T10:00:00.4Z stdout P step 3 loss 0.12`

func TestStepsAreReadFromAContainersLog(t *testing.T) {
	at := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	assert.Equal(t, []realnode.Step{
		{At: at.Add(100 * time.Millisecond), Number: 1, Loss: "0.5", Boot: "aa"},
		{At: at.Add(200 * time.Millisecond), Number: 2, Loss: "0.25", Boot: "aa"},
	}, realnode.Steps(log), "a line that was cut off is no step")
	assert.Equal(t, []realnode.Step{{Number: 7, Loss: "0.1", Boot: "bb"}}, realnode.Steps("step 7 loss 0.1 boot bb\n"), "the program's own output")
}

func step(number int, loss string) realnode.Step { return realnode.Step{Number: number, Loss: loss} }

func TestCurvesAreTheSameStepByStep(t *testing.T) {
	undisturbed := []realnode.Step{step(1, "0.5"), step(2, "0.25"), step(3, "0.125")}
	for says, disturbed := range map[string][]realnode.Step{
		"": {step(1, "0.5"), step(2, "0.25"), step(2, "0.25"), step(3, "0.125")},
		"step 2 has loss 0.26, and without a preemption 0.25": {step(1, "0.5"), step(2, "0.26"), step(3, "0.125")},
		"step 2 was never trained":                            {step(1, "0.5"), step(3, "0.125")},
		"step 4 has loss 0.1, and without a preemption ":      {step(1, "0.5"), step(2, "0.25"), step(3, "0.125"), step(4, "0.1")},
	} {
		if err := realnode.Same(disturbed, undisturbed); says == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, says)
		}
	}
}
