package v1alpha1_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

func TestCheckpointIntervalIsAutoOrADuration(t *testing.T) {
	for text, want := range map[string]v1alpha1.CheckpointInterval{
		`"auto"`:  {Auto: true},
		`"1h30m"`: {Duration: 90 * time.Minute},
		`"30m"`:   {Duration: 30 * time.Minute},
	} {
		var read, again v1alpha1.CheckpointInterval
		require.NoError(t, json.Unmarshal([]byte(text), &read), text)
		assert.Equal(t, want, read, text)
		written, err := json.Marshal(read)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &again))
		assert.Equal(t, want, again, "%s was written as %s", text, written)
	}
	for _, text := range []string{`"Auto"`, `30`, `null`, `{}`, `""`} {
		var read v1alpha1.CheckpointInterval
		assert.Error(t, json.Unmarshal([]byte(text), &read), text)
		assert.Zero(t, read, text)
	}
	var read v1alpha1.CheckpointInterval
	assert.ErrorContains(t, json.Unmarshal([]byte(`"hourly"`), &read), `checkpointInterval must be "auto" or a duration, such as "30m"`)
}
