package spotinstancejob

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	json "github.com/go-json-experiment/json/v1"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// BenchmarkSync is a sync of a job with two replicas that train, and twenty checkpoints.
func BenchmarkSync(b *testing.B) {
	body, now := recordedSync(b, 2, 20)
	hook := Hook{Now: func() time.Time { return now }}
	handler := webhook.Sync(slog.New(slog.DiscardHandler), "sync", hook.Sync)
	b.Run("handler", func(b *testing.B) { hooktest.Serve(b, handler, "/", body) })
	b.Run("decide+render", func(b *testing.B) {
		var request webhook.Request[v1alpha1.SpotInstanceJob]
		require.NoError(b, json.Unmarshal(body, &request))
		o, err := observe(&request, now)
		require.NoError(b, err)
		require.Len(b, o.backups, 20)
		require.Equal(b, int32(2), renderStatus(o, decide(o)).ActiveReplicas)
		hooktest.Percentiles(b, func() { render(o, decide(o)) })
	})
}

// recordedSync is a request of the lab's size, and the time of it.
func recordedSync(b *testing.B, replicas, backups int) ([]byte, time.Time) {
	b.Helper()
	r := hooktest.ReadRecording(b, "job-sync")
	job := r.One("children", groupJobs)["metadata"].(map[string]any)
	pod := r.One("related", groupPods)["metadata"].(map[string]any)
	backup := r.One("children", groupBackups)["metadata"].(map[string]any)
	podUID := func(i int) string { return fmt.Sprintf("00000000-0000-0000-0001-%012d", i) }
	attempt := func(i int) map[string]string {
		return map[string]string{
			fmt.Sprint(job["name"]):             fmt.Sprintf("resnet-a5f757-r%d-a1", i),
			fmt.Sprint(job["uid"]):              fmt.Sprintf("00000000-0000-0000-0002-%012d", i),
			fmt.Sprint(pod["uid"]):              podUID(i),
			"pool-b84201-1":                     fmt.Sprintf("pool-b84201-%d", i),
			`"training.dcnlab.com/replica":"0"`: fmt.Sprintf(`"training.dcnlab.com/replica":"%d"`, i),
		}
	}
	created, err := time.Parse(time.RFC3339, fmt.Sprint(backup["creationTimestamp"]))
	require.NoError(b, err)
	r.Multiply("children", groupBackups, backups, func(i int) map[string]string {
		return map[string]string{
			fmt.Sprint(backup["name"]):                                           fmt.Sprintf("resnet-scheduled-%010d", i),
			fmt.Sprint(backup["uid"]):                                            fmt.Sprintf("00000000-0000-0000-0003-%012d", i),
			fmt.Sprint(backup["creationTimestamp"]):                              created.Add(time.Duration(i-backups) * time.Second).Format(time.RFC3339),
			fmt.Sprint(backup["annotations"].(map[string]any)[annotationPodUID]): podUID(i % replicas),
			`"training.dcnlab.com/replica":"1"`:                                  fmt.Sprintf(`"training.dcnlab.com/replica":"%d"`, i%replicas),
		}
	})
	r.Multiply("children", groupJobs, replicas, attempt)
	r.Multiply("related", groupPods, replicas, attempt)
	return r.Body(), created.Add(time.Minute)
}
