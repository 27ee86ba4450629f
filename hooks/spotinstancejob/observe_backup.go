package spotinstancejob

import (
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// observeBackup reads a CheckpointBackup. Its progress is that of the pod when it was asked for: what the pod had
// inherited and the time from its container's start to the backup's creation.
func observeBackup(b *checkpointBackup) backup {
	meta := b.Metadata
	facts := backup{
		name:         meta.Name,
		replica:      parseCount(meta.Labels[v1alpha1.LabelReplica]),
		attempt:      parseCount(meta.Labels[v1alpha1.LabelAttempt]),
		podUID:       meta.Annotations[annotationPodUID],
		reason:       checkpointReason(meta.Annotations[annotationReason]),
		created:      meta.CreationTimestamp.Time,
		deletedAt:    timeOf(meta.DeletionTimestamp),
		phase:        b.Status.Phase,
		message:      excerpt(b.Status.Message),
		gpu:          meta.Annotations[annotationGPU],
		failedBefore: parseCount(meta.Annotations[annotationFailedBefore]),
		progress:     parseSeconds(meta.Annotations[annotationInherited]),
	}
	if started, err := time.Parse(time.RFC3339, meta.Annotations[annotationStartedAt]); err == nil {
		facts.progress += max(0, facts.created.Sub(started))
	}
	switch b.Status.Phase {
	case "Completed", "CompletedPodDeleted":
		facts.images, facts.image = builtImages(b)
		facts.complete = facts.images != nil
		facts.failed = !facts.complete
		facts.built, facts.completed = buildTime(b), lastWrite(b)
	case "CompletedWithError", "Failed":
		facts.failed = true
	case "Checkpointed", "ImageBuilding":
		facts.frozenUntil = lastWrite(b)
	}
	if at := fileTime(b); !at.IsZero() {
		facts.frozenUntil = at
	}
	return facts
}

// builtImages maps each container to the image that restores it, and tells the first container's. It is nil unless every
// listed container has one: the agent also says Completed when it made nothing.
func builtImages(b *checkpointBackup) (images map[string]string, first string) {
	if len(b.Spec.Containers) == 0 || b.Spec.Registry == nil {
		return nil, ""
	}
	host := strings.TrimPrefix(strings.TrimPrefix(b.Spec.Registry.URL, "https://"), "http://")
	built := map[string]string{}
	for _, image := range b.Status.BuiltImages {
		if image.ImageName != "" {
			built[image.ContainerName] = host + "/" + image.ImageName
		}
	}
	for _, c := range b.Spec.Containers {
		if built[c.Name] == "" {
			return nil, ""
		}
	}
	return built, built[b.Spec.Containers[0].Name]
}

// lastWrite is when the agent last wrote the status, by the API server's clock as the creation time is; the agent itself
// records only when the images were built, before it pushes them.
func lastWrite(b *checkpointBackup) time.Time {
	var latest time.Time
	for _, entry := range b.Metadata.ManagedFields {
		if entry.Subresource == "status" && timeOf(entry.Time).After(latest) {
			latest = entry.Time.Time
		}
	}
	if latest.IsZero() {
		return buildTime(b)
	}
	return latest
}

// fileTime is when the last container was frozen into a file: how old the content is at least. Zero: the agent does not say, or its
// clock is behind.
func fileTime(b *checkpointBackup) time.Time {
	latest := time.Time{}
	for _, file := range b.Status.CheckpointFiles {
		if file.CheckpointTime.After(latest) {
			latest = file.CheckpointTime.Time
		}
	}
	if latest.Before(b.Metadata.CreationTimestamp.Time) {
		return time.Time{}
	}
	return latest
}

// buildTime is when the last image was built; if nobody says so, it took no time.
func buildTime(b *checkpointBackup) time.Time {
	latest := b.Metadata.CreationTimestamp.Time
	for _, image := range b.Status.BuiltImages {
		if image.BuildTime.After(latest) {
			latest = image.BuildTime.Time
		}
	}
	return latest
}
