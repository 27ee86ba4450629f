package v1alpha1

import (
	"encoding/json"
	"fmt"
	"time"
)

// intervalAuto is how a CheckpointInterval says that the operator chooses.
const intervalAuto = "auto"

// CheckpointInterval is the time between two checkpoints of one replica. In JSON it is a string: a duration such as "30m", or
// "auto". The zero value is 0s, which the schema refuses.
//
// +kubebuilder:validation:Type=string
type CheckpointInterval struct {
	// Auto leaves the interval to the operator; Duration is zero then.
	Auto     bool          `json:"-"`
	Duration time.Duration `json:"-"`
}

// UnmarshalJSON reads "auto" or a duration. Anything else is an error that says what to write.
func (i *CheckpointInterval) UnmarshalJSON(data []byte) error {
	var text string
	err := json.Unmarshal(data, &text)
	read := CheckpointInterval{Auto: text == intervalAuto}
	if err == nil && !read.Auto {
		read.Duration, err = time.ParseDuration(text)
	}
	if err != nil {
		return fmt.Errorf(`checkpointInterval must be "auto" or a duration, such as "30m": %w`, err)
	}
	*i = read
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (i CheckpointInterval) MarshalJSON() ([]byte, error) {
	if i.Auto {
		return json.Marshal(intervalAuto)
	}
	return json.Marshal(i.Duration.String())
}
