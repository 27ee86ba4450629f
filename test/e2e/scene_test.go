package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/story"
)

// patience is how long a story may take before the step that it waits for is given up.
const patience = 2 * time.Minute

// scene is one test's namespace, which is also the Google Cloud project of its pools. It is a story.World.
type scene struct {
	*testing.T
	namespace string // also the project
	join      cluster.JoinToken
	zones     map[string]string // the story's own, by the names that it has for them
	deadline  time.Time

	noted   map[string]*unstructured.Unstructured // by what note-status names
	broken  map[string]bool                       // images
	past    []story.Change
	read    int // of the recorder's changes
	readVMs int // of its events of VMs
}

// begin begins a story that runs side by side with the others.
func begin(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	require.NoError(t, install())
	namespace, err := lab.NewNamespace(t.Context(), "story")
	require.NoError(t, err)
	s := &scene{
		T: t, namespace: namespace.Name, join: namespace.Join, zones: zonesOf(int(scenes.Add(1))), deadline: time.Now().Add(patience),
		noted: map[string]*unstructured.Unstructured{}, broken: map[string]bool{},
	}
	t.Cleanup(s.tell)
	return s
}

// takes gives a story more time than others, because it waits for a back-off that cannot be shortened.
func (s *scene) takes(d time.Duration) { s.deadline = time.Now().Add(d) }

// eventually waits until check returns nil. Checks look at the recorder's cache, so they are cheap.
func (s *scene) eventually(what string, check func() error) {
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
func (s *scene) stays(what string, d time.Duration, check func() error) {
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
func (s *scene) create(k kind, object any) {
	s.Helper()
	require.NoError(s, s.doCreate(k, object))
}

func (s *scene) doCreate(k kind, object any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	delete(content, "status")
	_, err = lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Create(s.Context(), &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	return err
}

// patch merges JSON into an object of the story.
func (s *scene) patch(k kind, name, json string, subresources ...string) {
	s.Helper()
	_, err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).
		Patch(s.Context(), name, types.MergePatchType, []byte(json), metav1.PatchOptions{}, subresources...)
	require.NoError(s, err)
}

// apply applies YAML in the story's namespace, with $PROJECT and the names of the join data replaced.
func (s *scene) apply(documents string) {
	s.Helper()
	require.NoError(s, lab.Apply(s.Context(), s.namespace, s.fill(documents)))
}

func (s *scene) fill(text string) string {
	return strings.NewReplacer("$NAMESPACE", s.namespace, "$CA_CERT_HASH", s.join.CACertHash, "$ENDPOINT", s.join.Endpoint).Replace(text)
}

// end deletes all jobs and pools and waits until nothing of them is left, neither in the cluster nor in the cloud.
func (s *scene) end() {
	s.Helper()
	require.NoError(s, s.doEnd())
}

func (s *scene) doEnd() error {
	for _, k := range []kind{jobs, pools} {
		err := lab.Dynamic().Resource(k.resource).Namespace(s.namespace).DeleteCollection(s.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if err := s.Await(s.agentsAreDone); err != nil {
			return err
		}
	}
	if err := s.Await(s.isClean); err != nil {
		return err
	}
	if offences := judge.offencesIn(s.namespace); len(offences) > 0 {
		return fmt.Errorf("what the hooks must never answer: %s", strings.Join(offences, "; "))
	}
	return nil
}

// agentsAreDone checks on real nodes that no CheckpointBackup is left. Agents take their finalizers off, and here they run on the VMs of
// the story's pools alone: without VMs nobody would.
func (s *scene) agentsAreDone() error {
	if left := recorded.present(backups, s.namespace); *realNodes && len(left) > 0 {
		return fmt.Errorf("%s %s is left", backups.name, left[0].GetName())
	}
	return nil
}

// isClean checks that nothing is left. The recorder is asked first because that costs nothing.
func (s *scene) isClean() error {
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
