package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// The log of a restored container begins with the lines of the original, which are not its own.
func TestRestoredAttemptsBeginWhereTheirCheckpointWasMade(t *testing.T) {
	start := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	at := func(second, number int) realnode.Step {
		return realnode.Step{At: start.Add(time.Duration(second) * time.Second), Number: number, Loss: "0.5"}
	}
	survivor := []realnode.Step{at(1, 1), at(2, 2), at(3, 3), at(9, 4), at(10, 5)}
	c := curves{undisturbed: survivor, attempts: []attemptCurve{
		{pod: "restored", made: start.Add(4 * time.Second), steps: []realnode.Step{at(1, 1), at(2, 2), at(7, 3), at(8, 4)}},
		{pod: "survivor", made: start, steps: survivor},
	}}
	c.keepOwn()
	require.Equal(t, "survivor", c.attempts[0].pod)
	assert.Len(t, c.attempts[0].steps, 5)
	assert.Equal(t, []realnode.Step{at(7, 3), at(8, 4)}, c.attempts[1].steps)
	assert.Contains(t, c.picture(), "<polyline")
}

func TestTheProgramOfRealNodesIsToldHowLongToTrain(t *testing.T) {
	root, err := checkout(t.Context())
	require.NoError(t, err)
	document, changes, err := sample(root, "job.yaml", compressed(time.Minute, sampleInterval, true)["job.yaml"])
	require.NoError(t, err)
	assert.Len(t, changes, 3)
	assert.Contains(t, document, "            env:\n            - name: TRAIN_SECONDS\n              value: \"60\"\n            image: docker.io/acme/resnet:v1\n",
		"of the container that is there, not beside it")
}
