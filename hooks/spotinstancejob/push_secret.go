package spotinstancejob

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// agentSecret is the Secret that the checkpoint agent pushes with if a CheckpointBackup names none. Users of the first operator
// write it down in their jobs, where it means the same as nothing.
var agentSecret = corev1.SecretReference{Namespace: "stateful-migration", Name: "registry-credentials"}

// pushSecret is the Secret that the agent is told to push with; nil for its own. It is always one of the job's namespace: the
// agent reads whatever Secret it is told and logs in with it at the registry of the job's choice, so that a Secret of another
// namespace would give that namespace's password to whoever owns the registry. The namespace is always written out, since the
// agent is another project, and what it makes of an empty one is its own affair.
func pushSecret(job *v1alpha1.SpotInstanceJob) *corev1.SecretReference {
	ref := job.Spec.CheckpointConfig.CheckpointRepoCredentialRef
	if ref == nil || ref.Name == "" || ref.Namespace != "" && ref.Namespace != job.Namespace {
		return nil
	}
	return &corev1.SecretReference{Namespace: job.Namespace, Name: ref.Name}
}

// checkPushSecret refuses a Secret of another namespace. The CRD's schema cannot: its rules do not see metadata.namespace.
func checkPushSecret(job *v1alpha1.SpotInstanceJob) *specError {
	ref := job.Spec.CheckpointConfig.CheckpointRepoCredentialRef
	if ref == nil || job.Spec.SavesItself() || *ref == agentSecret || ref.Namespace == "" || ref.Namespace == job.Namespace {
		return nil
	}
	return &specError{
		"spec.checkpointConfig.checkpointRepoCredentialRef",
		fmt.Sprintf("names a Secret of namespace %s, and the job is in %s", ref.Namespace, job.Namespace),
		fmt.Sprintf("put a Secret with the keys username, password and registry into namespace %s and name it here without a namespace, or remove the field to push with the checkpoint agent's own", job.Namespace),
	}
}
