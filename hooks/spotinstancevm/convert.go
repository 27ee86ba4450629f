package spotinstancevm

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Times in status have whole seconds and no zone, so that a time read back equals the one written.

func stamp(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: second(t)}
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil || !webhook.IsWritable(*t) {
		return time.Time{}
	}
	return second(t.Time)
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func intOr(value *int32, fallback int) int {
	if value == nil {
		return fallback
	}
	return int(*value)
}

func durationOr(value *metav1.Duration, fallback time.Duration) time.Duration {
	if value == nil {
		return fallback
	}
	return value.Duration
}
