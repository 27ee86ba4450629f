package realnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// daemonSetOf is the one DaemonSet among the documents.
func daemonSetOf(t *testing.T, manifest string) appsv1.DaemonSet {
	t.Helper()
	var found []appsv1.DaemonSet
	for document := range strings.SplitSeq(manifest, "\n---\n") {
		var d appsv1.DaemonSet
		require.NoError(t, yaml.Unmarshal([]byte(document), &d))
		if d.Kind == "DaemonSet" {
			require.NoError(t, yaml.UnmarshalStrict([]byte(document), &d))
			found = append(found, d)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

func TestTheAgentOnTheVMsIsTheOneThatIsWanted(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"agent", "real"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("program "+name), 0o755))
	}
	cases := map[string]struct {
		files   Files
		program map[string][]byte
		mounts  []string // of the VM's folders
	}{
		"that of the tests": {
			Files{Static: dir}, map[string][]byte{"/agent": []byte("program agent")}, []string{"/var/lib/kubelet/checkpoints"},
		},
		"the real one, which calls the VM's buildah": {
			Files{Static: dir, Agent: filepath.Join(dir, "real")},
			map[string][]byte{"/manager": []byte("program real")},
			[]string{"/var/lib/kubelet/checkpoints", "/var/lib/containers", "/run/containers", "/etc/containers", "/etc/ssl/certs", "/usr"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			image, err := c.files.AgentImage()
			require.NoError(t, err)
			assert.Equal(t, c.program, image.Files)
			pod := daemonSetOf(t, c.files.AgentManifest()).Spec.Template.Spec
			assert.True(t, pod.HostNetwork, "it calls the kubelet of its VM")
			assert.Equal(t, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, pod.Tolerations)
			require.Len(t, pod.Containers, 1)
			assert.Equal(t, image.Name, pod.Containers[0].Image)
			mounted := map[string]string{}
			for _, volume := range pod.Volumes {
				require.NotNil(t, volume.HostPath, volume.Name)
				mounted[volume.Name] = volume.HostPath.Path
			}
			var folders []string
			for _, mount := range pod.Containers[0].VolumeMounts {
				if mounted[mount.Name] == mount.MountPath {
					folders = append(folders, mount.MountPath)
				}
			}
			assert.Subset(t, folders, c.mounts)
		})
	}
}
