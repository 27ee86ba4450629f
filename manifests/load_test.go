package manifests_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// installed is everything that kubectl apply -f manifests/ creates.
type installed struct {
	inOrder             []*unstructured.Unstructured
	clusterRoles        map[string]rbacv1.ClusterRole
	roles               map[string]rbacv1.Role
	clusterRoleBindings []rbacv1.ClusterRoleBinding
	roleBindings        []rbacv1.RoleBinding
	deployment          appsv1.Deployment
	daemonSet           appsv1.DaemonSet
	cronJob             batchv1.CronJob
	policies            []admissionv1.ValidatingAdmissionPolicy
	policyBindings      []admissionv1.ValidatingAdmissionPolicyBinding
	service             corev1.Service
	budget              policyv1.PodDisruptionBudget
	controllers         []compositeController
}

// compositeController holds the fields of Metacontroller's kind that we use; any other is an error.
// Source: pkg/apis/metacontroller/v1alpha1/types.go of Metacontroller 4.17.2.
type compositeController struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Spec       struct {
		ResyncPeriodSeconds int `json:"resyncPeriodSeconds"`
		ParentResource      struct {
			resource            `json:",inline"`
			IgnoreStatusChanges bool `json:"ignoreStatusChanges"`
		} `json:"parentResource"`
		GenerateSelector bool `json:"generateSelector"`
		ChildResources   []struct {
			resource       `json:",inline"`
			UpdateStrategy struct {
				Method string `json:"method"`
			} `json:"updateStrategy"`
		} `json:"childResources"`
		Hooks map[string]struct {
			Version string `json:"version"`
			Webhook struct {
				URL     string `json:"url"`
				Timeout string `json:"timeout"`
			} `json:"webhook"`
		} `json:"hooks"`
	} `json:"spec"`
}

type resource struct {
	APIVersion string `json:"apiVersion"`
	Resource   string `json:"resource"`
}

// load decodes all manifests strictly: an unknown or doubled field fails the test.
func load(t *testing.T) installed {
	t.Helper()
	all := installed{clusterRoles: map[string]rbacv1.ClusterRole{}, roles: map[string]rbacv1.Role{}}
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	for _, file := range files {
		for _, document := range documents(t, file) {
			all.add(t, file, document)
		}
	}
	return all
}

func (all *installed) add(t *testing.T, file string, document []byte) {
	t.Helper()
	var object unstructured.Unstructured
	require.NoError(t, yaml.UnmarshalStrict(document, &object.Object), file)
	all.inOrder = append(all.inOrder, &object)
	switch object.GetKind() {
	case "ClusterRole":
		all.clusterRoles[object.GetName()] = decode[rbacv1.ClusterRole](t, file, document)
	case "Role":
		all.roles[object.GetNamespace()] = decode[rbacv1.Role](t, file, document)
	case "ClusterRoleBinding":
		all.clusterRoleBindings = append(all.clusterRoleBindings, decode[rbacv1.ClusterRoleBinding](t, file, document))
	case "RoleBinding":
		all.roleBindings = append(all.roleBindings, decode[rbacv1.RoleBinding](t, file, document))
	case "Deployment":
		all.deployment = decode[appsv1.Deployment](t, file, document)
	case "DaemonSet":
		all.daemonSet = decode[appsv1.DaemonSet](t, file, document)
	case "CronJob":
		all.cronJob = decode[batchv1.CronJob](t, file, document)
	case "ValidatingAdmissionPolicy":
		all.policies = append(all.policies, decode[admissionv1.ValidatingAdmissionPolicy](t, file, document))
	case "ValidatingAdmissionPolicyBinding":
		all.policyBindings = append(all.policyBindings, decode[admissionv1.ValidatingAdmissionPolicyBinding](t, file, document))
	case "Service":
		all.service = decode[corev1.Service](t, file, document)
	case "PodDisruptionBudget":
		all.budget = decode[policyv1.PodDisruptionBudget](t, file, document)
	case "CompositeController":
		all.controllers = append(all.controllers, decode[compositeController](t, file, document))
	case "Namespace":
		decode[corev1.Namespace](t, file, document)
	case "ServiceAccount":
		decode[corev1.ServiceAccount](t, file, document)
	default:
		require.Failf(t, "unexpected kind", "%s: %s; teach this test what it should look like", file, object.GetKind())
	}
}

func decode[T any](t *testing.T, file string, document []byte) T {
	t.Helper()
	var object T
	require.NoError(t, yaml.UnmarshalStrict(document, &object), file)
	return object
}

// documents returns the YAML documents of a file that are not empty.
func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var found [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err, file)
		found = append(found, document)
	}
}
