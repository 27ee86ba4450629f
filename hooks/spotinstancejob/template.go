package spotinstancejob

import (
	"fmt"
	"regexp"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	applybatchv1 "k8s.io/client-go/applyconfigurations/batch/v1"
	kjson "sigs.k8s.io/json"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/jobrules"
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
		return t, &specError{"spec.jobTemplate", err.Error(), "fix the field" + again}
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(spec.JobTemplate.Raw, t.apply); err != nil {
		return t, &specError{"spec.jobTemplate", err.Error(), "fix the field" + again}
	}
	if _, taken := typed.Labels[labelControllerUID]; taken {
		return t, &specError{"spec.jobTemplate.metadata.labels[" + labelControllerUID + "]", "is Metacontroller's own", "remove it" + again}
	}
	if problem := checkJobSpec(typed.Spec); problem != nil {
		return t, problem
	}
	if problem := checkJobRules(typed); problem != nil {
		return t, problem
	}
	if spec.SavesItself() {
		return t, nil
	}
	t.registry, t.repo, err = splitRepository(spec.CheckpointConfig.CheckpointImageRepo)
	if err != nil {
		return t, &specError{"spec.checkpointConfig.checkpointImageRepo", err.Error(), "write a repository without a tag, such as docker.io/acme/checkpoints"}
	}
	return t, nil
}

const (
	// labelControllerUID is how Metacontroller tells the children of a parent; another value would stop every sync.
	labelControllerUID = "controller-uid"
	// again is how a template is changed, and what that costs: checkpoints are the SpotInstanceJob's.
	again = ", delete this SpotInstanceJob and apply it again (the training starts from zero)"
)

// checkJobSpec refuses what batch/v1 has and a replica cannot be.
func checkJobSpec(spec batchv1.JobSpec) *specError {
	const at = "spec.jobTemplate.spec."
	const onePod = "set it to 1 or remove it: a replica is one pod that runs the whole training, and spec.replicas makes redundant copies of it, not shards; a training of pods that work together is not supported" + again
	pod := spec.Template.Spec
	checks := []struct {
		wrong                  bool
		field, problem, remedy string
	}{
		{spec.Parallelism != nil && *spec.Parallelism != 1, "parallelism", "must be 1", onePod},
		{spec.Completions != nil && *spec.Completions != 1, "completions", "must be 1", onePod},
		{spec.SuccessPolicy != nil, "successPolicy", "is not supported", "remove it: the first replica to succeed ends the job" + again},
		{spec.Selector != nil || spec.ManualSelector != nil, "selector", "is not supported", "remove it and manualSelector" + again},
		{spec.ManagedBy != nil, "managedBy", "is not supported", "remove it" + again},
		{spec.BackoffLimitPerIndex != nil || spec.MaxFailedIndexes != nil, "backoffLimitPerIndex", "is not supported", "use backoffLimit instead of it and maxFailedIndexes: a replica is one pod" + again},
		{pod.OS != nil && pod.OS.Name == corev1.Windows, "template.spec.os.name", "is windows", "set it to linux or remove it: the VMs of a pool run Linux, and a kubelet there starts no such pod" + again},
		{pod.NodeName != "", "template.spec.nodeName", "is not supported", "remove it: replicas run on VMs of the pool; use nodeSelector or affinity to choose among them" + again},
	}
	for _, c := range checks {
		if c.wrong {
			return &specError{at + c.field, c.problem, c.remedy}
		}
	}
	return checkFailurePolicy(spec.PodFailurePolicy)
}

func checkFailurePolicy(policy *batchv1.PodFailurePolicy) *specError {
	if policy == nil {
		return nil
	}
	for i, rule := range policy.Rules {
		if rule.Action == batchv1.PodFailurePolicyActionFailIndex {
			return &specError{
				fmt.Sprintf("spec.jobTemplate.spec.podFailurePolicy.rules[%d].action", i),
				"FailIndex is not supported: a replica is one pod", "use FailJob, Ignore or Count" + again,
			}
		}
	}
	return nil
}

// checkJobRules refuses what the API server would refuse in each child, all at once and in its own words.
func checkJobRules(typed batchv1.JobTemplateSpec) *specError {
	refused := jobrules.Check(typed, field.NewPath("spec", "jobTemplate"))
	if len(refused) == 0 {
		return nil
	}
	var problems []string
	for i, e := range refused {
		problem := shorten(e.ErrorBody(), longestProblem)
		if i > 0 {
			problem = e.Field + ": " + problem
		}
		problems = append(problems, problem)
	}
	return &specError{refused[0].Field, firstOf(problems), "fix it" + again}
}

// longestProblem has room for Kubernetes' longest rule and for a value that breaks it.
const longestProblem = 512

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
