package spotinstancejob

import (
	"log/slog"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// stub stands for a child that exists and stays as it is.
type stub struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        stubMeta `json:"metadata"`
}

type stubMeta struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// render turns a decision into the response: every child that should exist, and the status.
func render(o observed, d decision) webhook.Response {
	response := webhook.Response{Status: renderStatus(o, d), ResyncAfterSeconds: d.resync.Seconds()}
	existing := func(apiVersion, kind, name string) {
		response.Children = append(response.Children, stub{
			metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}, stubMeta{name, o.job.Namespace},
		})
	}
	for _, name := range d.keepJobs {
		existing("batch/v1", "Job", name)
	}
	for _, a := range d.attempts {
		response.Children = append(response.Children, renderJob(o, a))
	}
	for _, name := range d.keepBacks {
		existing(backupAPIVersion, backupKind, name)
	}
	for _, b := range d.backups {
		response.Children = append(response.Children, renderBackup(o, b))
	}
	response.Log = logAttrs(o, d)
	return response
}

func renderStatus(o observed, d decision) v1alpha1.SpotInstanceJobStatus {
	old := o.job.Status
	lost := d.ledger.sum()
	accounted := o.ledger.sum()
	status := v1alpha1.SpotInstanceJobStatus{
		Phase:               d.phase,
		LastCheckpointTime:  old.LastCheckpointTime,
		LastCheckpointImage: d.best.image,
		Preemptions:         max(old.Preemptions, lost.Losses),
		Checkpoints:         old.Checkpoints,
		LostSeconds:         renderSeconds(o, max(secondsOf(old.LostSeconds), accounted.LostSeconds)),
		DesiredReplicas:     o.replicas(),
		StartTime:           startOfJob(o, d),
		AutoInterval:        renderInterval(o, d.rhythm),
		RecentLosses:        renderLosses(o),
		Ledger:              d.handedOver,
		Cost:                d.spent,
		CompletionTime:      old.CompletionTime,
		ObservedGeneration:  o.job.Generation,
	}
	for _, r := range d.replicas {
		if r.phase == v1alpha1.ReplicaRunning {
			status.ActiveReplicas++
		}
		status.JobStatuses = append(status.JobStatuses, renderReplica(o, r))
	}
	countCheckpoints(o, &status)
	if (d.phase == v1alpha1.JobSucceeded || d.phase == v1alpha1.JobFailed) && status.CompletionTime == nil {
		status.CompletionTime = &metav1.Time{Time: completionOf(o, d)}
	}
	status.Conditions = renderConditions(o, withProgress(d.conditions))
	return status
}

// renderInterval shows an interval that was chosen, and what it follows from.
func renderInterval(o observed, r rhythm) *v1alpha1.AutoInterval {
	if !o.job.Spec.CheckpointConfig.CheckpointInterval.Auto {
		return nil
	}
	known := func(d time.Duration) *metav1.Duration {
		if d <= 0 {
			return nil
		}
		return &metav1.Duration{Duration: d}
	}
	return &v1alpha1.AutoInterval{
		Interval: metav1.Duration{Duration: r.interval}, CheckpointCost: known(r.cost),
		TimeBetweenRollbacks: metav1.Duration{Duration: r.betweenRollbacks}, RecoveryTime: known(r.recovery),
	}
}

// startOfJob is when the first container started. A job that is suspended has none, and begins anew when it is resumed, as
// in batch/v1: activeDeadlineSeconds counts from it.
func startOfJob(o observed, d decision) *metav1.Time {
	if d.phase == v1alpha1.JobSuspended {
		return nil
	}
	start := o.job.Status.StartTime
	for _, a := range o.attempts {
		if a.started() && !a.deleting && (start == nil || a.pod.started.Before(start.Time)) {
			start = &metav1.Time{Time: a.pod.started}
		}
	}
	return start
}

// completionOf is when the attempt that succeeded did so; a failure is completed when it is noticed.
func completionOf(o observed, d decision) time.Time {
	for _, r := range d.replicas {
		if r.phase == v1alpha1.ReplicaSucceeded && !r.newest.ended.IsZero() {
			return r.newest.ended
		}
	}
	return o.now.Truncate(time.Second)
}

func renderReplica(o observed, r replica) v1alpha1.JobReplicaStatus {
	status := v1alpha1.JobReplicaStatus{
		Name: r.newest.name, Replica: r.number, Attempt: r.attempts, Phase: r.phase,
		RestoredFrom: r.newest.image, Failures: r.failures, NodeName: r.newest.node, Reason: r.wait.reason,
		Refusals: r.refused.n,
	}
	if !r.refused.last.IsZero() {
		status.RefusedAt = &metav1.Time{Time: r.refused.last}
	}
	if r.wait.reason != "" {
		status.WaitingSince = &metav1.Time{Time: o.now.Truncate(time.Second)}
	}
	if !r.stuck.IsZero() {
		status.StuckSince = &metav1.Time{Time: r.stuck}
	}
	if since := lostSince(r); !since.IsZero() {
		status.LostSince = &metav1.Time{Time: since}
	}
	for _, old := range o.job.Status.JobStatuses {
		if old.Replica == r.number {
			status.LastCheckpointImage = old.LastCheckpointImage
			if old.Reason == r.wait.reason && old.WaitingSince != nil && webhook.IsWritable(*old.WaitingSince) {
				status.WaitingSince = old.WaitingSince
			}
			status.LastFailure = keptFailure(old.LastFailure)
		}
	}
	if failure := failureOf(r); failure != nil {
		status.LastFailure = failure
	}
	var newest time.Time
	for _, b := range o.backups {
		if b.replica == r.number && b.complete && b.completed.After(newest) {
			newest, status.LastCheckpointImage = b.completed, b.image
		}
	}
	return status
}

// countCheckpoints counts each completed checkpoint once: those completed after the newest that status knows, and those of
// the same second that are the first of their replica to be known.
func countCheckpoints(o observed, status *v1alpha1.SpotInstanceJobStatus) {
	known := timeOf(o.job.Status.LastCheckpointTime)
	for _, b := range o.backups {
		if !b.complete || b.completed.Before(known) || b.completed.Equal(known) && isCounted(o, b) {
			continue
		}
		status.Checkpoints++
		if status.LastCheckpointTime == nil || b.completed.After(status.LastCheckpointTime.Time) {
			status.LastCheckpointTime = &metav1.Time{Time: b.completed}
		}
	}
}

// isCounted is true when status names a checkpoint of b's replica that completed in the same second, or does not know
// the replica any more.
func isCounted(o observed, b backup) bool {
	for _, r := range o.job.Status.JobStatuses {
		if r.Replica == b.replica {
			return slices.ContainsFunc(o.backups, func(named backup) bool {
				return named.complete && named.image == r.LastCheckpointImage && named.completed.Equal(b.completed)
			})
		}
	}
	return true
}

// renderConditions keeps lastTransitionTime while a condition's status stands.
func renderConditions(o observed, holding []condition) []metav1.Condition {
	conditions := make([]metav1.Condition, 0, len(holding))
	for _, c := range holding {
		rendered := metav1.Condition{
			Type: c.kind, Status: metav1.ConditionFalse, Reason: c.reason, Message: c.message,
			ObservedGeneration: o.job.Generation, LastTransitionTime: metav1.Time{Time: o.now.Truncate(time.Second)},
		}
		if c.isTrue {
			rendered.Status = metav1.ConditionTrue
		}
		for _, old := range o.job.Status.Conditions {
			if old.Type == c.kind && old.Status == rendered.Status && webhook.IsWritable(old.LastTransitionTime) {
				rendered.LastTransitionTime = old.LastTransitionTime
			}
		}
		conditions = append(conditions, rendered)
	}
	slices.SortFunc(conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return conditions
}

// logAttrs is the decision in one log line.
func logAttrs(o observed, d decision) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("phase", string(o.job.Status.Phase)+" -> "+string(d.phase)),
		slog.Duration("resync", d.resync),
	}
	for _, r := range d.replicas {
		attrs = append(attrs, slog.String(r.newest.name, r.phase+r.waits))
	}
	for _, a := range d.attempts {
		attrs = append(attrs, slog.String("create", jobName(o.job, a.replica, a.attempt)), slog.String("from", a.from.backup))
	}
	for _, b := range d.backups {
		attrs = append(attrs, slog.String("checkpoint", b.name), slog.String("of", b.of.name))
	}
	return attrs
}
