package hooks

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/hooktest"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// syncAnswer is an answer as Metacontroller decodes it: strictly.
type syncAnswer struct {
	Status             object                       `json:"status"`
	Children           []*unstructured.Unstructured `json:"children"`
	ResyncAfterSeconds float64                      `json:"resyncAfterSeconds"`
	Finalized          bool                         `json:"finalized"`
}

// explained is how every refusal begins. An answer that the hook could not encode, for one, is none of these.
var explained = regexp.MustCompile(`^(` +
	`bad request: decode the request: .|bad request: the request has no parent with a UID|` +
	`(bad request: )?the request has no group "[^"]+": .|(bad request: )?decode [A-Za-z]+\.[a-z0-9./]+ .|` +
	`bad request: Job .*: delete it and it is made again|` +
	`(?s)CompositeController .*updateStrategy must be OnDelete, not .*nothing was changed)`)

// checkReply tells whether a call succeeded. A refusal must say to the user what is wrong.
func checkReply(t *testing.T, got reply) bool {
	t.Helper()
	require.NotContains(t, string(got.body), "panicked")
	if got.code == http.StatusOK {
		require.Equal(t, "application/json", got.contentType)
		return true
	}
	require.Contains(t, []int{http.StatusBadRequest, http.StatusInternalServerError}, got.code, string(got.body))
	require.Equal(t, "text/plain; charset=utf-8", got.contentType)
	require.Regexp(t, explained, string(got.body))
	return false
}

// checkAnswer holds the answer of either hook to what Metacontroller and the API server need.
func checkAnswer(t *testing.T, schema hooktest.Schema, request, body []byte) syncAnswer {
	t.Helper()
	var answer syncAnswer
	strict, err := kjson.UnmarshalStrict(body, &answer)
	require.NoError(t, err, string(body))
	require.Empty(t, strict, string(body))
	require.NotNil(t, answer.Status, "an answer without status wipes it: %s", body)
	require.NotNil(t, answer.Children, "no list of children: %s", body)
	require.False(t, answer.ResyncAfterSeconds < 0 || math.IsInf(answer.ResyncAfterSeconds, 0), "resync after %v s", answer.ResyncAfterSeconds)
	var whole any
	require.NoError(t, json.Unmarshal(body, &whole))
	require.Empty(t, nulls("answer", whole))
	if parent := parentOf(request); isStorable(schema, parent) {
		parent["status"] = answer.Status
		require.Empty(t, schema.Refuses(parent), "the API server stored the request's parent and would refuse this status")
	}
	return answer
}

// parentOf is the request's parent if the request could come from Metacontroller: no field twice, and none in another case.
func parentOf(request []byte) object {
	var whole object
	if strict, err := kjson.UnmarshalStrict(request, &whole); err != nil || len(strict) > 0 {
		return nil
	}
	parent, _ := whole["parent"].(object)
	return parent
}

// isStorable tells whether an API server could hold the parent. It counts generations itself.
func isStorable(schema hooktest.Schema, parent object) bool {
	metadata, _ := parent["metadata"].(object)
	generation, _ := metadata["generation"].(int64)
	return parent != nil && generation >= 0 && len(schema.Refuses(parent)) == 0
}

// nulls lists the paths of nulls.
func nulls(path string, value any) []string {
	var found []string
	switch value := value.(type) {
	case nil:
		return []string{path}
	case object:
		for field, inner := range value {
			found = append(found, nulls(path+"."+field, inner)...)
		}
	case []any:
		for i, inner := range value {
			found = append(found, nulls(fmt.Sprintf("%s[%d]", path, i), inner)...)
		}
	}
	return found
}

func checkJobAnswer(t *testing.T, schema hooktest.Schema, request, body []byte) {
	t.Helper()
	answer := checkAnswer(t, schema, request, body)
	require.False(t, answer.Finalized, "jobs have no finalizer")
	var status v1alpha1.SpotInstanceJobStatus
	data, err := json.Marshal(answer.Status)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &status))

	var sent webhook.Request[v1alpha1.SpotInstanceJob]
	require.NoError(t, json.Unmarshal(request, &sent))
	require.GreaterOrEqual(t, status.Preemptions, sent.Parent.Status.Preemptions)
	isNamed := len(validation.IsDNS1123Subdomain(sent.Parent.Name)) == 0
	for _, child := range answer.Children {
		checkChild(t, child, isNamed)
	}
}

// checkChild looks at a stub, which stands for a child that exists, or at a child to create.
func checkChild(t *testing.T, child *unstructured.Unstructured, isNamed bool) {
	t.Helper()
	kind := child.GetAPIVersion() + " " + child.GetKind()
	require.Contains(t, []string{"batch/v1 Job", "migration.dcnlab.com/v1 CheckpointBackup"}, kind)
	require.NotContains(t, child.Object, "status", kind)
	if _, created := child.Object["spec"]; !created {
		return
	}
	if isNamed {
		require.Empty(t, validation.IsDNS1123Label(child.GetName()), "%s %q", kind, child.GetName())
	}
	for _, count := range []string{"training.dcnlab.com/inherited-seconds", "training.dcnlab.com/failed-checkpoints-before"} {
		if text, told := child.GetAnnotations()[count]; told {
			n, err := strconv.ParseInt(text, 10, 64)
			require.NoError(t, err, count)
			require.GreaterOrEqual(t, n, int64(0), count)
		}
	}
}

func checkPoolAnswer(t *testing.T, schema hooktest.Schema, request, body []byte) syncAnswer {
	t.Helper()
	answer := checkAnswer(t, schema, request, body)
	require.Empty(t, answer.Children, "a pool has no children")
	require.True(t, answer.Finalized || answer.ResyncAfterSeconds > 0, "nobody would call this hook again")
	var sent webhook.Request[v1alpha1.SpotInstanceVM]
	require.NoError(t, json.Unmarshal(request, &sent))
	var status v1alpha1.SpotInstanceVMStatus
	data, err := json.Marshal(answer.Status)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &status))
	require.GreaterOrEqual(t, status.Preemptions, sent.Parent.Status.Preemptions)
	isNamed := len(validation.IsDNS1123Subdomain(sent.Parent.Name)) == 0
	names := map[string]bool{}
	for _, entry := range status.ProvisionedInstances {
		require.False(t, names[entry.Name], "%s is listed twice", entry.Name)
		names[entry.Name] = true
		if isNamed && entry.State == v1alpha1.InstancePlanned {
			require.NoError(t, gce.ValidateName(entry.Name))
		}
	}
	return answer
}

// checkCustomize holds for both hooks. Metacontroller keeps an answer for the parent's UID and generation, so that nothing
// else of the parent than its spec and its names may count.
func checkCustomize(t *testing.T, router http.Handler, path string, body []byte) {
	t.Helper()
	got := post(router, path, body)
	require.Equal(t, got, post(router, path, body), "the same bytes")
	if !checkReply(t, got) {
		return
	}
	var answer webhook.CustomizeResponse
	strict, err := kjson.UnmarshalStrict(got.body, &answer)
	require.NoError(t, err, string(got.body))
	require.Empty(t, strict, string(got.body))
	require.NotEmpty(t, answer.RelatedResources)
	for _, rule := range answer.RelatedResources {
		assert.NotEmpty(t, rule.APIVersion)
		assert.Equal(t, strings.ToLower(rule.Resource), rule.Resource)
		assert.NotEqual(t, rule.LabelSelector == nil, len(rule.Names) == 0, "names or a selector: without either all objects are sent")
	}
	var whole any
	require.NoError(t, json.Unmarshal(got.body, &whole))
	require.Empty(t, nulls("answer", whole))
	require.Equal(t, string(got.body), string(post(router, path, withoutStatus(t, body)).body), "status is no part of a generation")
}

// withoutStatus drops all of the request that may change within a generation.
func withoutStatus(t *testing.T, body []byte) []byte {
	t.Helper()
	parent := parentOf(body)
	if parent == nil {
		return body
	}
	delete(parent, "status")
	return marshal(t, object{"parent": parent})
}
