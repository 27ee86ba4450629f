package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// patience is how long a story may take before the step that it waits for is given up.
const patience = 2 * time.Minute

// story is one test's namespace, which is also the Google Cloud project of its pools.
type story struct {
	*testing.T
	namespace string // also the project
	join      cluster.JoinToken
	deadline  time.Time
}

// begin begins a story that runs side by side with the others.
func begin(t *testing.T) *story {
	t.Helper()
	t.Parallel()
	require.NoError(t, install())
	namespace, err := lab.NewNamespace(t.Context(), "story")
	require.NoError(t, err)
	s := &story{T: t, namespace: namespace.Name, join: namespace.Join, deadline: time.Now().Add(patience)}
	t.Cleanup(s.tell)
	return s
}

// takes gives a story more time than others, because it waits for a back-off that cannot be shortened.
func (s *story) takes(d time.Duration) { s.deadline = time.Now().Add(d) }

// eventually waits until check returns nil. Checks look at the recorder's cache, so they are cheap.
func (s *story) eventually(what string, check func() error) {
	s.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(s.deadline) {
			require.FailNow(s, "It did not happen that "+what+".", "%v", err)
		}
		<-ticker.C
	}
}

// stays makes sure that check returns nil throughout d.
func (s *story) stays(what string, d time.Duration, check func() error) {
	s.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-ticker.C {
		if err := check(); err != nil {
			require.FailNow(s, "It did not stay so that "+what+".", "%v", err)
		}
	}
}

// create creates an object of ours in the story's namespace.
func (s *story) create(k kind, object any) {
	s.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	require.NoError(s, err)
	delete(content, "status")
	_, err = lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Create(s.Context(), &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	require.NoError(s, err)
}

// patch merges JSON into an object of the story.
func (s *story) patch(k kind, name, json string, subresources ...string) {
	s.Helper()
	_, err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Patch(s.Context(), name, types.MergePatchType, []byte(json), metav1.PatchOptions{}, subresources...)
	require.NoError(s, err)
}

// remove deletes an object of the story.
func (s *story) remove(k kind, name string) {
	s.Helper()
	background := metav1.DeletePropagationBackground
	err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Delete(s.Context(), name, metav1.DeleteOptions{PropagationPolicy: &background})
	require.NoError(s, err)
}

// apply applies YAML in the story's namespace, with $PROJECT and the names of the join data replaced.
func (s *story) apply(documents string) {
	s.Helper()
	require.NoError(s, lab.Apply(s.Context(), s.namespace, s.fill(documents)))
}

func (s *story) fill(text string) string {
	return strings.NewReplacer("$NAMESPACE", s.namespace, "$CA_CERT_HASH", s.join.CACertHash, "$ENDPOINT", s.join.Endpoint).Replace(text)
}

// kubectl runs kubectl in the story's namespace.
func (s *story) kubectl(args ...string) string {
	s.Helper()
	out, err := lab.Kubectl(s.Context(), append([]string{"--namespace=" + s.namespace}, args...)...)
	require.NoError(s, err)
	return out
}

// end deletes all jobs and pools and waits until nothing of them is left, neither in the cluster nor in the cloud.
func (s *story) end() {
	s.Helper()
	ctx := s.Context()
	for _, k := range []kind{jobs, pools} {
		err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		require.NoError(s, err)
	}
	s.deadline = latest(s.deadline, time.Now().Add(30*time.Second))
	s.eventually("nothing is left of the story", s.isClean)
	assert.Empty(s, judge.offencesIn(s.namespace), "what the hooks must never answer")
}

// isClean checks that nothing is left. The recorder is asked first because that costs nothing.
func (s *story) isClean() error {
	for _, k := range []kind{jobs, pools, childJobs, backups} {
		for _, object := range recorded.present(k, s.namespace) {
			return fmt.Errorf("%s %s is left", k.name, object.GetName())
		}
	}
	left, err := lab.Leftovers(s.Context(), s.namespace)
	if err == nil && len(left) > 0 {
		err = errors.New(strings.Join(left, ", "))
	}
	return err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
