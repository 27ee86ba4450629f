package spotinstancejob

import (
	"fmt"
	"regexp"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	applybatchv1 "k8s.io/client-go/applyconfigurations/batch/v1"
	kjson "sigs.k8s.io/json"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// template is the user's jobTemplate, decoded twice: typed, to read it, and as an apply configuration, which renders
// only what the user set.
type template struct {
	spec     batchv1.JobSpec
	apply    *applybatchv1.JobTemplateSpecApplyConfiguration
	registry string // host of checkpointImageRepo
	repo     string // path of checkpointImageRepo
}

// specError is a spec that cannot be run: the field, what is wrong with it, and what to do.
type specError struct{ field, problem, remedy string }

func (e *specError) Error() string {
	return fmt.Sprintf("%s: %s: %s", e.field, e.problem, e.remedy)
}

// parseTemplate decodes and checks the parts of the spec that the CRD schema cannot. With an error, the template still
// has what could be read, so that a limit of the user's holds while another field is wrong.
func parseTemplate(spec v1alpha1.SpotInstanceJobSpec) (template, *specError) {
	var typed batchv1.JobTemplateSpec
	strict, err := kjson.UnmarshalStrict(spec.JobTemplate.Raw, &typed)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	t := template{spec: typed.Spec, apply: &applybatchv1.JobTemplateSpecApplyConfiguration{}}
	if err != nil {
		return t, &specError{"spec.jobTemplate", err.Error(), "mend the field, delete this SpotInstanceJob and apply it again"}
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(spec.JobTemplate.Raw, t.apply); err != nil {
		return t, &specError{"spec.jobTemplate", err.Error(), "mend the field, delete this SpotInstanceJob and apply it again"}
	}
	if _, taken := typed.Labels[labelControllerUID]; taken {
		return t, &specError{"spec.jobTemplate.metadata.labels[" + labelControllerUID + "]", "is Metacontroller's own", "remove it, delete this SpotInstanceJob and apply it again"}
	}
	if problem := checkJobSpec(typed.Spec); problem != nil {
		return t, problem
	}
	t.registry, t.repo, err = splitRepository(spec.CheckpointConfig.CheckpointImageRepo)
	if err != nil {
		return t, &specError{"spec.checkpointConfig.checkpointImageRepo", err.Error(), "write a repository without a tag, such as docker.io/acme/checkpoints"}
	}
	return t, nil
}

// labelControllerUID is how Metacontroller tells the children of a parent; another value would stop every sync.
const labelControllerUID = "controller-uid"

func checkJobSpec(spec batchv1.JobSpec) *specError {
	const at = "spec.jobTemplate.spec."
	const again = ", delete this SpotInstanceJob and apply it again"
	const onePod = "a replica is one pod; for more of them set spec.replicas, not this field" + again
	pod := spec.Template.Spec
	checks := []struct {
		wrong                  bool
		field, problem, remedy string
	}{
		{spec.Parallelism != nil && *spec.Parallelism != 1, "parallelism", "must be 1", onePod},
		{spec.Completions != nil && *spec.Completions != 1, "completions", "must be 1", onePod},
		{spec.CompletionMode != nil && *spec.CompletionMode != batchv1.NonIndexedCompletion, "completionMode", "must be NonIndexed", onePod},
		{spec.SuccessPolicy != nil, "successPolicy", "is not supported", "remove it: the first replica to succeed ends the job" + again},
		{spec.Selector != nil || spec.ManualSelector != nil, "selector", "is not supported", "remove it and manualSelector" + again},
		{spec.ManagedBy != nil, "managedBy", "is not supported", "remove it" + again},
		{spec.BackoffLimitPerIndex != nil || spec.MaxFailedIndexes != nil, "backoffLimitPerIndex", "needs completionMode Indexed", "use backoffLimit" + again},
		{pod.NodeName != "", "template.spec.nodeName", "is not supported", "remove it: replicas run on VMs of the pool; use nodeSelector or affinity to choose among them" + again},
		{len(pod.Containers) == 0, "template.spec.containers", "is empty", "name the container that trains" + again},
	}
	for _, c := range checks {
		if c.wrong {
			return &specError{at + c.field, c.problem, c.remedy}
		}
	}
	if problem := checkContainers(pod.Containers); problem != nil {
		return problem
	}
	return checkFailurePolicy(spec.PodFailurePolicy)
}

func checkContainers(containers []corev1.Container) *specError {
	for i, c := range containers {
		at := fmt.Sprintf("spec.jobTemplate.spec.template.spec.containers[%d]", i)
		if c.Name == "" {
			return &specError{at + ".name", "is empty", "give the container a name, delete this SpotInstanceJob and apply it again"}
		}
		if c.Image == "" {
			return &specError{at + ".image", "is empty", "name the image to train with, delete this SpotInstanceJob and apply it again"}
		}
	}
	return nil
}

func checkFailurePolicy(policy *batchv1.PodFailurePolicy) *specError {
	if policy == nil {
		return nil
	}
	for i, rule := range policy.Rules {
		if rule.Action == batchv1.PodFailurePolicyActionFailIndex {
			return &specError{
				fmt.Sprintf("spec.jobTemplate.spec.podFailurePolicy.rules[%d].action", i),
				"FailIndex needs completionMode Indexed", "use FailJob, Ignore or Count, delete this SpotInstanceJob and apply it again",
			}
		}
	}
	return nil
}

// repositoryPath is the path grammar of image references (github.com/distribution/reference).
var repositoryPath = regexp.MustCompile(`^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)

// splitRepository separates the registry host from the path. As in every image reference, the first part is a host only
// if it has a dot, a port, or is localhost; else the host is docker.io.
func splitRepository(repository string) (host, path string, err error) {
	repository = strings.TrimPrefix(strings.TrimPrefix(repository, "https://"), "http://")
	host, path = "docker.io", repository
	if first, rest, ok := strings.Cut(repository, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		host, path = first, rest
	}
	if !repositoryPath.MatchString(path) {
		return "", "", fmt.Errorf("%q is not an image repository", repository)
	}
	return host, path, nil
}
