package spotinstancejob

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Annotations on child Jobs. Those that start from a checkpoint have annotationGPU, too.
const (
	annotationJobName  = "training.dcnlab.com/job-name"
	annotationPoolName = "training.dcnlab.com/pool-name"
	// annotationLedger holds the ledger as of the attempt's creation, in JSON.
	annotationLedger = "training.dcnlab.com/ledger"
	// annotationInherited is the training contained in the image that the attempt starts from, in seconds.
	annotationInherited = "training.dcnlab.com/inherited-seconds"
	// annotationRestoredFrom is the name of the CheckpointBackup that the attempt starts from; absent for the template.
	annotationRestoredFrom = "training.dcnlab.com/restored-from"
)

// Annotations on child CheckpointBackups. With annotationInherited they say what the images hold.
const (
	annotationReason      = "training.dcnlab.com/checkpoint-reason"
	annotationPodUID      = "training.dcnlab.com/pod-uid"
	annotationStartedAt   = "training.dcnlab.com/container-started-at"
	annotationGPU         = "training.dcnlab.com/gpu"
	annotationMachineType = "training.dcnlab.com/machine-type"
	annotationVMImage     = "training.dcnlab.com/vm-image"
	// annotationFailedBefore is how many checkpoints of the replica had failed in a row when this one was asked for.
	annotationFailedBefore = "training.dcnlab.com/failed-checkpoints-before"
)

// checkpointReason is why a checkpoint is made.
type checkpointReason string

const (
	reasonScheduled  checkpointReason = "scheduled"
	reasonPreemption checkpointReason = "preemption"
	reasonSuspend    checkpointReason = "suspend"
)

// jobName is the name of an attempt's Job. It stays under 63 characters, so that the pod names made from it differ.
func jobName(job *v1alpha1.SpotInstanceJob, replica, attempt int32) string {
	return fmt.Sprintf("%s-%s-r%d-a%d", cut(job.Name, 36), v1alpha1.Hash(string(job.UID))[:6], replica, attempt)
}

// backupName is the name of a CheckpointBackup: a function of the pod, the reason and the occasion, which is the time of the
// scheduled one before it, the attempt to rescue and which time, or the generation that suspended the job.
func backupName(job *v1alpha1.SpotInstanceJob, pod *podFacts, reason checkpointReason, occasion string) string {
	digest := v1alpha1.Hash(strings.Join([]string{pod.uid, string(reason), occasion}, "|"))
	return fmt.Sprintf("%s-%s-%s", cut(job.Name, 36), reason, digest[:10])
}

func cut(name string, most int) string {
	name = strings.ReplaceAll(name, ".", "-")
	if len(name) > most {
		name = name[:most]
	}
	return strings.TrimRight(name, "-")
}

// shorten cuts a text that others wrote.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

func formatSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

func parseSeconds(s string) time.Duration {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// mostCounted bounds every count that is read back: no job gets there, and its successors fit into int32 and into names.
const mostCounted = 1_000_000

// parseCount reads a number of ours. Somebody may have edited it: what cannot be one is 0.
func parseCount(s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0
	}
	return plausible(int32(n))
}

func plausible(count int32) int32 {
	if count < 0 || count > mostCounted {
		return 0
	}
	return count
}
