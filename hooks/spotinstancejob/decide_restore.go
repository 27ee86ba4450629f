package spotinstancejob

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

const (
	// startDeadline is how long a restored pod may take from being scheduled, its init containers apart, until it runs.
	startDeadline = 15 * time.Minute
	// stuckDeadline is how long a restored pod may be seen to fail with what waiting does not cure.
	stuckDeadline = 45 * time.Second
)

// outlook is what becomes of a container that does not run yet.
type outlook int

const (
	mayStart    outlook = iota // its image is being pulled, or its registry is away: startDeadline
	notItsFault                // it waits for something of the user's, whatever image it starts from: no deadline
	cannotStart                // the runtime refuses it, and will: stuckDeadline
)

// outlookOf tells what becomes of a container that waits, by the kubelet's reason and the runtime's words.
//
//	CreateContainerConfigError                            a Secret or ConfigMap is missing: not the image's fault
//	ErrImagePull and others, "not found"                  the registry does not have the image: it cannot start
//	ErrImagePull and others                               the registry is away, or refuses for now: it may start
//	CreateContainerError, RunContainerError, StartError,
//	InvalidImageName, any other                           it cannot start
func outlookOf(w containerWait) outlook {
	switch w.reason {
	case "", "ContainerCreating", "PodInitializing":
		return mayStart
	case "CreateContainerConfigError":
		return notItsFault
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		if saysAny(w.message, "not found", "manifest unknown", "name unknown") {
			return cannotStart
		}
		return mayStart
	}
	return cannotStart
}

func saysAny(message string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(message, word) })
}

// outlook is that of the pod's worst container.
func (p *podFacts) outlook() outlook {
	worst := mayStart
	for _, w := range p.waits {
		worst = max(worst, outlookOf(w))
	}
	return worst
}

// isUnrestorable is true of a restored attempt whose containers do not start, and will not.
func (s *survey) isUnrestorable(a attempt) bool {
	var deadline time.Time
	switch outlook := a.pod.outlook(); {
	case a.restoredFrom == "" || outlook == notItsFault:
		return false
	case outlook == cannotStart && s.isReplaced(a): // status tells of its successor, and no longer since when it is stuck
		return true
	case outlook == cannotStart:
		deadline = s.stuckSince(a).Add(stuckDeadline)
	case a.started() || a.pod.scheduled.IsZero() || a.pod.initializing:
		return false
	default:
		deadline = a.pod.scheduled.Add(startDeadline)
		if a.pod.initialized.After(a.pod.scheduled) {
			deadline = a.pod.initialized.Add(startDeadline)
		}
	}
	s.wakeAt(deadline)
	return !deadline.After(s.now)
}

// stuckSince is when a restored attempt was first seen to be unable to start, or zero. Status remembers it: a kubelet that
// tries again shows other reasons in between.
func (s *survey) stuckSince(a attempt) time.Time {
	switch {
	case a.restoredFrom == "" || a.pod == nil:
		return time.Time{}
	case !a.stuckSince.IsZero() && !a.started():
		return a.stuckSince
	case a.pod.outlook() != cannotStart:
		return time.Time{}
	case !a.stuckSince.IsZero():
		return a.stuckSince
	}
	return s.now.Truncate(time.Second)
}

// isReplaced is true once a successor of the attempt has been created.
func (s *survey) isReplaced(a attempt) bool {
	return s.ledger.Replicas[a.replica].Through >= a.attempt
}

// restoreCause is why an image does not restore, as far as the runtime's words tell, and what to do.
type restoreCause struct {
	says  []string
	cause string
}

// restoreCauses were all seen on real nodes; see "What restores" in docs/design.md.
func restoreCauses() []restoreCause {
	return []restoreCause{
		{
			[]string{"image not known"},
			"the template's image, which the checkpoint was made from, is not on the VM, and CRI-O does not pull it",
		}, {
			[]string{"no command specified", "executable file not found", "stat /"},
			"the runtime runs the checkpoint image as an ordinary image: containerd knows a checkpoint by an annotation that the checkpoint agent does not set, and restores only where enable_experimental_restore_via_create is on: use CRI-O on the VM image",
		}, {
			[]string{"Can't open file"},
			"a file of /dev/shm or of a volume was open, and is not part of the checkpoint: see the condition CheckpointsMayNotRestore",
		}, {
			[]string{"tcp-established"},
			"TCP connections were open: " + remedyTCP,
		},
	}
}

// remedyTCP is what to do about connections that CRIU does not checkpoint.
const remedyTCP = "set spec.criu.tcp of the SpotInstanceVM to Close or Established, or write tcp-close or tcp-established into /etc/criu/runc.conf on the VMs"

// whyItFailed is what the agent said of a checkpoint that failed, and what to do.
func (s *survey) whyItFailed(b backup) string {
	hasTCP := s.pool != nil && s.pool.tcp
	switch {
	case b.message == "":
		return "; its status.message tells why"
	case strings.Contains(b.message, "tcp-established") && hasTCP:
		return ": " + b.message + "; VMs that are older than the SpotInstanceVM's spec.criu.tcp do not follow it: replace them"
	case strings.Contains(b.message, "tcp-established"):
		return ": " + b.message + "; TCP connections are open: " + remedyTCP
	case strings.Contains(b.message, "rt vDSO"):
		return ": " + b.message + "; CRIU on the VM is too old for its kernel: put CRIU 4.2 or newer into the VM image"
	case strings.Contains(b.message, "criu failed") && !hasTCP:
		return ": " + b.message + "; CRIU's log on the VM tells more: among others it refuses open TCP connections: " + remedyTCP
	}
	return ": " + b.message
}

// causeOf is the likely cause of a restore that failed with these words, or empty.
func causeOf(words string) string {
	for _, c := range restoreCauses() {
		if saysAny(words, c.says...) {
			return c.cause
		}
	}
	return ""
}

// remedyOf adds to the cause what to do on this cluster.
func (s *survey) remedyOf(words string) string {
	cause := causeOf(words)
	switch {
	case cause == "":
		return ""
	case !strings.Contains(words, "image not known"):
		return "; likely cause: " + cause
	case !s.pullsBaseImages():
		return "; likely cause: " + cause + ": set spec.checkpointConfig.pullBaseImages to true, or pull it in the SpotInstanceVM's spec.startupScript"
	case slices.ContainsFunc(s.attempts, func(a attempt) bool { return a.restoredFrom != "" && !a.hasBase }):
		return "; likely cause: " + cause + "; its Job has no volume that lets the kubelet pull it, since API servers before Kubernetes 1.35 leave it out: upgrade, or pull it in the SpotInstanceVM's spec.startupScript"
	}
	return "; likely cause: " + cause + ": the kubelets of the VMs need image volumes (1.35 or newer), and the image's tag must not have moved; or pull it in the SpotInstanceVM's spec.startupScript"
}

// restoreTrouble tells of the newest image that is excluded, and why.
func (s *survey) restoreTrouble() *condition {
	excluded, words := "", ""
	for name := range s.ledger.RestoreFailures {
		said := s.restoreError(name)
		isTold := cmp.Or(compareBool(said != "", words != ""), strings.Compare(name, excluded)) > 0
		if s.ledger.excludes(name) && isTold {
			excluded, words = name, said
		}
	}
	if excluded == "" {
		return nil
	}
	image := excluded
	for _, b := range s.backups {
		if b.name == excluded && b.image != "" {
			image = b.image
		}
	}
	message := "checkpoint image " + image + " would not run in two attempts and is no longer used; the next best takes its place"
	if words != "" {
		message += "; the last attempt: " + words + s.remedyOf(words)
	}
	return &condition{v1alpha1.ConditionRestoreFailed, v1alpha1.ReasonImageExcluded, message, true}
}

// restoreError is what was said of the last attempt that could not run from a checkpoint, or empty when a replica has failed
// with another one since.
func (s *survey) restoreError(backup string) string {
	said := ""
	for _, account := range s.ledger.Replicas {
		if account.Unrestored == backup {
			said = max(said, excerpt(account.RestoreError))
		}
	}
	return said
}

// longestMessage bounds what is told of one pod: a kubelet may say 4 KiB of each container, and a condition's message
// holds 32 KiB for up to 64 replicas.
const longestMessage = 256

// excerpt is the beginning of a message, and the words in it that tell why an image does not restore.
func excerpt(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	head, rest := message[:longestMessage], message[longestMessage:]
	if causeOf(head) != "" || causeOf(rest) == "" {
		return strings.ToValidUTF8(head, "") + "..."
	}
	at := len(rest)
	for _, c := range restoreCauses() {
		for _, word := range c.says {
			if i := strings.Index(rest, word); i >= 0 {
				at = min(at, i)
			}
		}
	}
	from := longestMessage + at - 40 // with what stands before
	until := min(len(message), from+longestMessage/2)
	return strings.ToValidUTF8(message[:longestMessage/2]+"..."+message[from:until], "")
}
