// Package manifests_test checks that the manifests fit together: that what they name exists, that Metacontroller may
// only do what the hooks expect, and that the operator may do no more than it has to.
package manifests_test

import (
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

const (
	namespace = "spot-instance-training-system"
	name      = "spot-instance-training-operator"
	nodeAgent = "spot-instance-training-node-agent"
)

func TestNamesAreInApplyOrder(t *testing.T) {
	all := load(t)
	assert.Equal(t, "Namespace", all.inOrder[0].GetKind(), "kubectl applies files by name: the Namespace must come first")
	kinds := []string{}
	for _, object := range all.inOrder {
		kinds = append(kinds, object.GetKind())
		if object.GetNamespace() != "" {
			assert.Contains(t, []string{namespace, nodeAgent, "kube-public"}, object.GetNamespace(), object.GetName())
		}
	}
	last := slices.Index(kinds, "CompositeController")
	assert.NotContains(t, kinds[last:], "Deployment", "Metacontroller should not call before there is someone to answer")
}

func TestControllersCallTheRoutesOfTheServer(t *testing.T) {
	all := load(t)
	var called []string
	for _, controller := range all.controllers {
		for stage, hook := range controller.Spec.Hooks {
			target, err := url.Parse(hook.Webhook.URL)
			require.NoError(t, err)
			assert.Equal(t, "http", target.Scheme)
			assert.Equal(t, all.service.Name+"."+all.service.Namespace+".svc", target.Host)
			assert.Equal(t, "/"+controller.Metadata["name"]+"/"+stage, target.Path)
			assert.Equal(t, "v2", hook.Version, "%s: version 1 hides objects of other namespaces and cluster-scoped ones", target.Path)
			assert.Equal(t, "10s", hook.Webhook.Timeout, "%s: the hooks end their work after 8 s", target.Path)
			called = append(called, target.Path)
		}
	}
	assert.ElementsMatch(t, served(t), called, "every URL is a route of hooks/router.go, and every route is called")
}

// served returns the paths that the server answers POST requests on.
func served(t *testing.T) []string {
	t.Helper()
	router := hooks.Router(hooks.Server{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	var paths []string
	err := chi.Walk(router.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodPost {
			paths = append(paths, path)
		}
		return nil
	})
	require.NoError(t, err)
	return paths
}

// After an outage of the hooks, however long, a replacement VM is asked for within 30 s. Jobs are woken by their pool's status, and by
// themselves within two minutes.
func TestControllersAskAgainAfterAnOutage(t *testing.T) {
	most := map[string]int{"spotinstancevm": 29, "spotinstancejob": 120}
	for _, controller := range load(t).controllers {
		name := controller.Metadata["name"]
		assert.Positive(t, controller.Spec.ResyncPeriodSeconds, name)
		assert.LessOrEqual(t, controller.Spec.ResyncPeriodSeconds, most[name], name)
	}
}

func TestControllersWatchOurKindsAndNeverChangeAChild(t *testing.T) {
	children := map[string][]resource{
		"spotinstancejob": {{"batch/v1", "jobs"}, {"migration.dcnlab.com/v1", "checkpointbackups"}},
		"spotinstancevm":  nil,
	}
	all := load(t)
	require.Len(t, all.controllers, len(children))
	for _, controller := range all.controllers {
		name := controller.Metadata["name"]
		assert.Equal(t, resource{"training.training.dcnlab.com/v1alpha1", name + "s"}, controller.Spec.ParentResource.resource)
		assert.FileExists(t, filepath.Join("..", "crds", "training.training.dcnlab.com_"+name+"s.yaml"))
		assert.True(t, controller.Spec.ParentResource.IgnoreStatusChanges, "%s: or each status that it writes is a reason for another sync", name)
		assert.True(t, controller.Spec.GenerateSelector, "%s: its kind has no selector in the spec", name)
		var rules []resource
		for _, rule := range controller.Spec.ChildResources {
			assert.Equal(t, "OnDelete", rule.UpdateStrategy.Method, "%s: %s", name, rule.Resource)
			rules = append(rules, rule.resource)
		}
		assert.Equal(t, children[name], rules, name)
	}
}

func TestServiceLeadsToTheProbedPort(t *testing.T) {
	all := load(t)
	pod := all.deployment.Spec.Template
	container := pod.Spec.Containers[0]
	port := all.service.Spec.Ports[0]

	assert.EqualValues(t, 80, port.Port, "the URLs of the controllers name no port")
	assert.Equal(t, container.Ports[0].Name, port.TargetPort.String())
	assert.Equal(t, container.Ports[0].Name, container.LivenessProbe.HTTPGet.Port.String())
	assert.Equal(t, container.Ports[0].Name, container.ReadinessProbe.HTTPGet.Port.String())
	assert.Equal(t, "/healthz", container.LivenessProbe.HTTPGet.Path)
	assert.Equal(t, "/readyz", container.ReadinessProbe.HTTPGet.Path)
	for what, selector := range map[string]map[string]string{
		"service": all.service.Spec.Selector,
		"budget":  all.budget.Spec.Selector.MatchLabels,
		"spread":  pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
		"replica": all.deployment.Spec.Selector.MatchLabels,
	} {
		assert.Equal(t, pod.Labels, selector, what)
	}
}

func TestPodsRunRestrictedAndNotOnSpotVMs(t *testing.T) {
	all := load(t)
	pod := all.deployment.Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	container := pod.Containers[0]

	assert.EqualValues(t, 2, *all.deployment.Spec.Replicas)
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.NotZero(t, *pod.SecurityContext.RunAsUser)
	assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
	assert.NotEmpty(t, container.Resources.Requests.Memory().Value())
	assert.NotEmpty(t, container.Resources.Limits.Memory().Value())
	assert.Equal(t, "restricted", all.inOrder[0].GetLabels()["pod-security.kubernetes.io/enforce"])

	required := pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	assert.Equal(t, []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
		{Key: v1alpha1.LabelPool, Operator: corev1.NodeSelectorOpDoesNotExist},
	}}}, required.NodeSelectorTerms)
}

// The whole permission of the operator, spelled out: widening it means changing this list.
func TestOperatorMayDoNoMoreThanItHasTo(t *testing.T) {
	all := load(t)
	assert.Equal(t, []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: []string{"kube-system"}, Verbs: []string{"get"}},
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "patch", "delete"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
		{APIGroups: []string{""}, Resources: []string{"pods/eviction"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create"}},
		{APIGroups: []string{"training.training.dcnlab.com"}, Resources: []string{"spotinstancevms"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{"training.training.dcnlab.com"}, Resources: []string{"spotinstancejobs"}, Verbs: []string{"get"}},
	}, all.clusterRoles[name].Rules)
	assert.Equal(t, []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"cluster-info"}, Verbs: []string{"get"}},
	}, all.roles["kube-public"].Rules)
	assert.Len(t, all.roles, 1)

	operator := []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: namespace}}
	require.Len(t, all.clusterRoleBindings, 2)
	require.Len(t, all.roleBindings, 1)
	assert.Equal(t, operator, all.clusterRoleBindings[0].Subjects)
	assert.Equal(t, name, all.clusterRoleBindings[0].RoleRef.Name)
	assert.Equal(t, operator, all.roleBindings[0].Subjects)
	assert.Equal(t, name, all.deployment.Spec.Template.Spec.ServiceAccountName)
}

// The node agent's permission; its policies, of which test/e2e/install tests every line, narrow it further.
func TestNodeAgentMayDoNoMoreThanItHasTo(t *testing.T) {
	all := load(t)
	assert.Equal(t, []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"nodes/status", "pods/status"}, Verbs: []string{"patch"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
	}, all.clusterRoles[nodeAgent].Rules)
	binding := all.clusterRoleBindings[1]
	assert.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: nodeAgent, Namespace: nodeAgent}}, binding.Subjects)
	assert.Equal(t, nodeAgent, binding.RoleRef.Name)

	require.Len(t, all.policyBindings, len(all.policies))
	for i, policy := range all.policies {
		assert.Equal(t, policy.Name, all.policyBindings[i].Spec.PolicyName)
		if policy.Name == poolInUse {
			continue // it is about people
		}
		assert.Equal(t, []admissionv1.ValidationAction{admissionv1.Deny}, all.policyBindings[i].Spec.ValidationActions)
		assert.Equal(t, admissionv1.Fail, *policy.Spec.FailurePolicy)
		assert.Equal(t, "request.userInfo.username == 'system:serviceaccount:"+nodeAgent+":"+nodeAgent+"'", policy.Spec.MatchConditions[0].Expression)
	}
}

const poolInUse = "spot-instance-training-pool-in-use"

func TestNodeAgentRunsOnEveryVMOfAPoolAndIsNobodySpecial(t *testing.T) {
	all := load(t)
	pod := all.daemonSet.Spec.Template.Spec
	require.Len(t, pod.Containers, 1)
	container := pod.Containers[0]
	assert.Equal(t, all.deployment.Spec.Template.Spec.Containers[0].Image, container.Image)
	assert.Equal(t, []string{"/node-agent"}, container.Command)
	assert.Equal(t, "spec.nodeName", container.Env[0].ValueFrom.FieldRef.FieldPath)
	assert.Equal(t, nodeAgent, pod.ServiceAccountName)
	assert.True(t, pod.HostNetwork, "some clusters hide the VM's metadata server from pods")
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.NotZero(t, *pod.SecurityContext.RunAsUser)
	assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []corev1.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
	assert.NotEmpty(t, container.Resources.Limits.Memory().Value())
	assert.Empty(t, pod.Volumes)
	assert.Equal(t, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, pod.Tolerations, "users taint pools as they like")
	assert.Equal(t, []corev1.NodeSelectorRequirement{{Key: v1alpha1.LabelPoolUID, Operator: corev1.NodeSelectorOpExists}},
		pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions)
	assert.Equal(t, all.daemonSet.Spec.Template.Labels, all.daemonSet.Spec.Selector.MatchLabels)
}

func TestGCRunsAsTheOperatorAndOneAtATime(t *testing.T) {
	all := load(t)
	operator, job := all.deployment.Spec.Template.Spec, all.cronJob.Spec.JobTemplate.Spec
	pod := job.Template.Spec
	require.Len(t, pod.Containers, 1)
	container := pod.Containers[0]
	assert.Equal(t, operator.Containers[0].Image, container.Image)
	assert.Equal(t, []string{"gc"}, container.Args)
	assert.Equal(t, operator.Containers[0].SecurityContext, container.SecurityContext)
	assert.NotEmpty(t, container.Resources.Limits.Memory().Value())
	assert.Equal(t, operator.ServiceAccountName, pod.ServiceAccountName)
	assert.Equal(t, operator.SecurityContext, pod.SecurityContext)
	assert.Equal(t, operator.Tolerations, pod.Tolerations)
	assert.Equal(t, operator.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
		pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution, "never on a VM that may be deleted")
	assert.NotEqual(t, all.service.Spec.Selector, job.Template.Labels, "Metacontroller must not be led to it")

	assert.Equal(t, batchv1.ForbidConcurrent, all.cronJob.Spec.ConcurrencyPolicy)
	assert.Zero(t, *job.BackoffLimit)
	assert.Equal(t, corev1.RestartPolicyNever, pod.RestartPolicy)
	assert.Greater(t, *job.ActiveDeadlineSeconds, int64(8*60), "a run ends itself after gcTimeout, and then tells what it did")
}

func TestPeopleSeeBothKindsAndEditJobs(t *testing.T) {
	all := load(t)
	for role, want := range map[string]struct {
		labels    map[string]string
		resources []string
		verb      string
	}{
		"spot-instance-training-view":        {map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}, []string{"spotinstancejobs", "spotinstancevms"}, "list"},
		"spot-instance-training-edit":        {map[string]string{"rbac.authorization.k8s.io/aggregate-to-edit": "true"}, []string{"spotinstancejobs"}, "create"},
		"spot-instance-training-pool-editor": {nil, []string{"spotinstancevms"}, "create"},
	} {
		clusterRole := all.clusterRoles[role]
		assert.Equal(t, want.labels, clusterRole.Labels, role)
		require.NotEmpty(t, clusterRole.Rules, role)
		assert.ElementsMatch(t, want.resources, clusterRole.Rules[0].Resources, role)
		assert.Contains(t, clusterRole.Rules[0].Verbs, want.verb, role)
	}
	assert.Len(t, all.clusterRoles, 5)
}

// Pools spend money and join machines to the cluster: no role that people have for other reasons may write them.
func TestPoolsAreWrittenWithNoBuiltInRole(t *testing.T) {
	for role, clusterRole := range load(t).clusterRoles {
		aggregated := slices.ContainsFunc(slices.Collect(maps.Keys(clusterRole.Labels)), func(label string) bool {
			return strings.HasPrefix(label, "rbac.authorization.k8s.io/aggregate-to-")
		})
		for _, rule := range clusterRole.Rules {
			onPools := slices.ContainsFunc(rule.Resources, func(resource string) bool { return strings.HasPrefix(resource, "spotinstancevms") })
			if aggregated && onPools {
				assert.Subset(t, []string{"get", "list", "watch"}, rule.Verbs, role)
			}
		}
	}
}

// Whoever runs the operator finds the flag in the manifest, and it lets nobody in.
func TestOwnIdentityBuysForNobodyByDefault(t *testing.T) {
	assert.Contains(t, load(t).deployment.Spec.Template.Spec.Containers[0].Args, "--own-identity-namespaces=")
}

func TestNoRuleHasAWildcard(t *testing.T) {
	for role, clusterRole := range load(t).clusterRoles {
		for _, rule := range clusterRole.Rules {
			for _, words := range [][]string{rule.APIGroups, rule.Resources, rule.Verbs} {
				assert.NotContains(t, words, "*", role)
			}
		}
	}
}

func TestSamplesNameEachOther(t *testing.T) {
	type reference struct {
		Name string `json:"name"`
	}
	var pool, job struct {
		Metadata reference `json:"metadata"`
		Spec     struct {
			SpotInstanceVMRef       reference `json:"spotInstanceVMRef"`
			GCPCredentialsSecretRef reference `json:"gcpCredentialsSecretRef"`
			KubeadmJoinConfig       struct {
				TokenSecretRef string `json:"tokenSecretRef"`
			} `json:"kubeadmJoinConfig"`
		} `json:"spec"`
	}
	require.NoError(t, yaml.Unmarshal(documents(t, "samples/pool.yaml")[0], &pool))
	require.NoError(t, yaml.Unmarshal(documents(t, "samples/job.yaml")[0], &job))
	assert.Equal(t, pool.Metadata.Name, job.Spec.SpotInstanceVMRef.Name)
	for _, page := range []string{"../README.md", "../docs/quickstart.md"} {
		assert.Equal(t, map[string][]string{
			pool.Spec.GCPCredentialsSecretRef.Name:     {"credentials.json"},
			pool.Spec.KubeadmJoinConfig.TokenSecretRef: {"token", "ca-cert-hash", "control-plane-endpoint"},
		}, secretsMadeBy(t, page), page)
	}
}

// secretsMadeBy are the keys of the Secrets that the commands of a page create.
func secretsMadeBy(t *testing.T, page string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	keys := map[string][]string{}
	unbroken := strings.ReplaceAll(string(text), "\\\n", "")
	for _, command := range regexp.MustCompile(`kubectl create secret generic (\S+)(.*)`).FindAllStringSubmatch(unbroken, -1) {
		for _, key := range regexp.MustCompile(`--from-(?:literal|file)=([^=]+)=`).FindAllStringSubmatch(command[2], -1) {
			keys[command[1]] = append(keys[command[1]], key[1])
		}
	}
	return keys
}

// TestSamplesHoldNoSecret: kubectl apply of a Secret with placeholders would overwrite one that works.
func TestSamplesHoldNoSecret(t *testing.T) {
	read := 0
	require.NoError(t, filepath.WalkDir("samples", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		for _, document := range documents(t, path) {
			var object struct {
				Kind string `json:"kind"`
			}
			require.NoError(t, yaml.Unmarshal(document, &object), path)
			assert.NotContains(t, []string{"Secret", "List"}, object.Kind, path)
			read++
		}
		return nil
	}))
	assert.GreaterOrEqual(t, read, 3)
}

// The sample of prices is read, and is where the hooks look.
func TestPricesAreWhereTheHooksLook(t *testing.T) {
	prices := decode[corev1.ConfigMap](t, "samples/operator/prices.yaml", documents(t, "samples/operator/prices.yaml")[0])
	deployment := load(t).deployment
	pod := deployment.Spec.Template.Spec
	require.Len(t, pod.Volumes, 1)
	source := pod.Volumes[0].ConfigMap
	require.NotNil(t, source)
	assert.Equal(t, prices.Name, source.Name)
	assert.Equal(t, prices.Namespace, deployment.Namespace)
	assert.True(t, *source.Optional, "a cluster without prices works")
	mount := pod.Containers[0].VolumeMounts[0]
	assert.Equal(t, pod.Volumes[0].Name, mount.Name)
	for key, text := range prices.Data {
		assert.Contains(t, pod.Containers[0].Args, "--prices="+mount.MountPath+"/"+key)
		table, err := cost.Parse(key, strings.NewReader(text))
		require.NoError(t, err)
		var pool v1alpha1.SpotInstanceVM
		require.NoError(t, yaml.Unmarshal(documents(t, "samples/pool.yaml")[0], &pool))
		for _, zone := range append([]string{pool.Spec.GCP.Zone}, pool.Spec.GCP.Zones...) {
			assert.Empty(t, table.Missing(cost.VMOf(pool.Spec, zone, ""), true))
		}
	}
}
