package spotinstancejob

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// ledger is what must outlive the attempts: each new attempt carries the ledger of its time, in an annotation, so that
// no count depends on a status that Metacontroller may set back. Ledgers merge without double counting: the account of
// a replica that covers more attempts wins.
type ledger struct {
	Replicas map[int32]account `json:"replicas,omitempty"`
	// Earlier is what status had counted and no account explains: replicas that were scaled down or suspended away.
	Earlier totals `json:"earlier,omitzero"`
	// RestoreFailures counts, by CheckpointBackup, the attempts that could not run from its images.
	RestoreFailures map[string]int32 `json:"restoreFailures,omitempty"`
}

// account sums up the attempts 1..Through of one replica.
type account struct {
	Through     int32 `json:"through"`
	Losses      int32 `json:"losses,omitempty"`
	Failures    int32 `json:"failures,omitempty"`
	LostSeconds int64 `json:"lostSeconds,omitempty"`
	// LastLost is the part of LostSeconds that the newest of these attempts lost.
	LastLost int64 `json:"lastLost,omitempty"`
	// LastLoss is when the newest of these attempts ended, if it was lost with its VM.
	LastLoss time.Time `json:"lastLoss,omitzero"`
	// TrainedSeconds is how long these attempts trained, whatever became of it.
	TrainedSeconds int64 `json:"trainedSeconds,omitempty"`
	// Rollbacks counts those that no checkpoint answered in time: the next one went back to what was there.
	Rollbacks int32 `json:"rollbacks,omitempty"`
	// Unrestored is the CheckpointBackup that the newest of these attempts could not run from that could not run from any.
	Unrestored string `json:"unrestored,omitempty"`
	// RestoreError is what the kubelet and the runtime said of that attempt.
	RestoreError string `json:"restoreError,omitempty"`
	// Rejections are those of the newest of these attempts, if none of them has started.
	Rejections v1alpha1.Rejections `json:"rejections,omitzero"`
	// QuickLosses counts losses in a row that each came before quickLoss of training.
	QuickLosses int32 `json:"quickLosses,omitempty"`
}

// totals are sums over all replicas.
type totals struct {
	Losses      int32 `json:"losses,omitempty"`
	LostSeconds int64 `json:"lostSeconds,omitempty"`
}

// maxRestoreFailures is how often an image is tried before it is excluded.
const maxRestoreFailures = 2

// mostSeconds bounds what is read back; it is longer than any training.
const mostSeconds = 1 << 40

// parseLedger reads an annotation. Somebody's edit must not stop the job, so what cannot be a ledger counts as empty.
func parseLedger(s string) ledger {
	var l ledger
	if s != "" && json.Unmarshal([]byte(s), &l) != nil || !l.isPlausible() {
		return ledger{}
	}
	return l
}

func (l ledger) isPlausible() bool {
	seconds := []int64{l.Earlier.LostSeconds}
	counts := []int32{l.Earlier.Losses}
	for replica, a := range l.Replicas {
		seconds = append(seconds, a.LostSeconds, a.LastLost, a.TrainedSeconds)
		counts = append(counts, replica, a.Through, a.Losses, a.Failures, a.QuickLosses, a.Rollbacks, a.Rejections.OnVM, a.Rejections.InARow)
	}
	for _, n := range l.RestoreFailures {
		counts = append(counts, n)
	}
	return !slices.ContainsFunc(counts, func(n int32) bool { return n != plausible(n) }) &&
		!slices.ContainsFunc(seconds, func(n int64) bool { return n < 0 || n > mostSeconds })
}

func (l ledger) String() string {
	data, err := json.Marshal(l)
	if err != nil {
		return ""
	}
	return string(data)
}

func (l ledger) merge(other ledger) ledger {
	merged := ledger{
		Replicas:        maps.Clone(l.Replicas),
		RestoreFailures: maps.Clone(l.RestoreFailures),
		Earlier: totals{
			Losses:      max(l.Earlier.Losses, other.Earlier.Losses),
			LostSeconds: max(l.Earlier.LostSeconds, other.Earlier.LostSeconds),
		},
	}
	if merged.Replicas == nil {
		merged.Replicas = map[int32]account{}
	}
	if merged.RestoreFailures == nil {
		merged.RestoreFailures = map[string]int32{}
	}
	for replica, theirs := range other.Replicas {
		if ours, ok := merged.Replicas[replica]; !ok || theirs.Through > ours.Through {
			merged.Replicas[replica] = theirs
		}
	}
	for backup, n := range other.RestoreFailures {
		merged.RestoreFailures[backup] = max(merged.RestoreFailures[backup], n)
	}
	return merged
}

func (l ledger) excludes(backup string) bool { return l.RestoreFailures[backup] >= maxRestoreFailures }

// sum is everything that was ever lost, as far as the ledger knows.
func (l ledger) sum() totals {
	sum := l.Earlier
	for _, a := range l.Replicas {
		sum.Losses += a.Losses
		sum.LostSeconds += a.LostSeconds
	}
	return sum
}
