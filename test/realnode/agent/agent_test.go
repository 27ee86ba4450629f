package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// kubeletOf is a kubelet that answers every call so.
func kubeletOf(t *testing.T, status int, body string) (*kubelet, *http.Request) {
	t.Helper()
	var asked http.Request
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = *r
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	return newKubelet(server.URL, &rest.Config{BearerTokenFile: token}), &asked
}

func TestTheKubeletIsCalledAsTheAgentsServiceAccount(t *testing.T) {
	k, asked := kubeletOf(t, http.StatusOK, `{"items":["/var/lib/kubelet/checkpoints/checkpoint-a.tar"]}`)
	path, err := k.checkpoint(t.Context(), "story", "pod", "trainer")
	require.NoError(t, err)
	assert.Equal(t, "/var/lib/kubelet/checkpoints/checkpoint-a.tar", path)
	assert.Equal(t, "POST /checkpoint/story/pod/trainer?timeout=300", asked.Method+" "+asked.URL.String())
	assert.Equal(t, "Bearer secret", asked.Header.Get("Authorization"))
}

// The text is what the operator reads the cause from.
func TestAFailureCarriesTheKubeletsOwnWords(t *testing.T) {
	k, _ := kubeletOf(t, http.StatusInternalServerError, "checkpointing of story/pod/trainer failed (criu failed: type NOTIFY errno 0)")
	_, err := k.checkpoint(t.Context(), "story", "pod", "trainer")
	assert.EqualError(t, err,
		"kubelet checkpoint API returned status 500: checkpointing of story/pod/trainer failed (criu failed: type NOTIFY errno 0)")
}

func TestACheckpointIsAnImageThatBothRuntimesKnow(t *testing.T) {
	server := httptest.NewServer(registry.New())
	t.Cleanup(server.Close)
	archive := filepath.Join(t.TempDir(), "checkpoint.tar")
	require.NoError(t, os.WriteFile(archive, []byte("an archive"), 0o600))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod", Namespace: "story"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "trainer", Image: "docker.io/acme/resnet:v1"}},
	}}
	made, err := newImage(archive, annotationsOf(pod, "trainer"))
	require.NoError(t, err)
	a := &agent{mirror: strings.TrimPrefix(server.URL, "http://")}
	target, err := a.target("docker.io", "acme/checkpoints:a")
	require.NoError(t, err)
	require.NoError(t, made.push(t.Context(), target, authn.Anonymous))

	pulled, err := remote.Image(target)
	require.NoError(t, err)
	manifest, err := pulled.Manifest()
	require.NoError(t, err)
	assert.Equal(t, "trainer", manifest.Annotations["org.criu.checkpoint.container.name"], "containerd")
	assert.Equal(t, "trainer", manifest.Annotations["io.kubernetes.cri-o.annotations.checkpoint.name"], "CRI-O")
	require.Len(t, manifest.Layers, 1)
	assert.EqualValues(t, len("an archive"), manifest.Layers[0].Size, "the archive as it is")
}
