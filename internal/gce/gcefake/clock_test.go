package gcefake_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

func TestManualClock(t *testing.T) {
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	clock := gcefake.NewManualClock(start)
	var heard []string
	note := func(name string) func() {
		return func() { heard = append(heard, name+" "+clock.Now().Sub(start).String()) }
	}
	clock.AfterFunc(3*time.Second, note("third"))
	clock.AfterFunc(time.Second, note("first"))
	clock.AfterFunc(time.Second, note("second"))
	stop := clock.AfterFunc(2*time.Second, note("stopped"))
	clock.AfterFunc(2*time.Second, func() { clock.AfterFunc(500*time.Millisecond, note("nested")) })
	clock.AfterFunc(-time.Second, note("overdue"))
	stop()
	assert.Empty(t, heard)
	clock.Advance(2900 * time.Millisecond)
	assert.Equal(t, []string{"overdue 0s", "first 1s", "second 1s", "nested 2.5s"}, heard)
	clock.Advance(100 * time.Millisecond)
	assert.Equal(t, "third 3s", heard[len(heard)-1])
	assert.Equal(t, start.Add(3*time.Second), clock.Now())
}
