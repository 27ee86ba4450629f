package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// A time in status that cannot be written back would have the API server refuse every status from then on.
func TestTimesThatCannotBeWrittenAreNone(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, isNone := range map[string]bool{
		"2026-03-01T10:00:00Z": false, "0001-01-01T00:00:00Z": true,
		"9999-12-31T23:59:59Z": false, "9999-12-31T23:59:59-12:00": true, "0001-01-01T00:00:00+12:00": true,
	} {
		at, err := time.Parse(time.RFC3339, text)
		assert.NoError(t, err)
		assert.Equal(t, isNone, timeOf(&metav1.Time{Time: at}).IsZero(), text)

		before := []metav1.Condition{{Type: v1alpha1.ConditionSpecValid, Status: metav1.ConditionTrue, LastTransitionTime: metav1.Time{Time: at}}}
		for _, c := range conditionsOf(before, observed{now: now}, decision{}) {
			if c.Type == v1alpha1.ConditionSpecValid {
				assert.Equal(t, isNone, c.LastTransitionTime.Time.Equal(now), text)
			}
		}
	}
}

func TestSoonerOfMomentsInAllAges(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	assert.Equal(t, 10*time.Second, sooner(10*time.Second, now, time.Time{}, now, now.Add(-time.Hour), now.AddDate(9000, 0, 0)))
	assert.Equal(t, 3500*time.Millisecond, sooner(10*time.Second, now, now.Add(5*time.Second), now.Add(3*time.Second)))
}
