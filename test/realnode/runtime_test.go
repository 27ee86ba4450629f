package realnode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sample startup script has configured the runtime; what only the lab needs is beside that.
func TestAVMHasTheFilesOfItsRuntime(t *testing.T) {
	containerd := []string{"etc/containerd/conf.d/lab.toml", "etc/containerd/certs.d/_default/hosts.toml"}
	crio := []string{"etc/crio/crio.conf.d/20-lab.conf", "usr/local/sbin/runc"}
	cases := map[string]struct {
		files    Files
		has, not []string
		kubelet  string
		images   string
	}{
		"containerd": {has: containerd, not: crio, kubelet: `"unix:///run/containerd/containerd.sock"`, images: "ctr"},
		"CRI-O":      {files: Files{CRIO: "/src/cri-o/bin/crio"}, has: crio, not: containerd, kubelet: `"unix:///run/crio/crio.sock"`, images: "buildah"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n := &Node{host: &Host{config: Config{Files: c.files}}, dir: t.TempDir()}
			require.NoError(t, n.writeDisk())
			for _, path := range append(c.has, "etc/cni/net.d/10-lab.conflist", "etc/containers/registries.conf") {
				assert.FileExists(t, filepath.Join(n.dir, "upper", path))
			}
			for _, path := range c.not {
				assert.NoFileExists(t, filepath.Join(n.dir, "upper", path))
			}
			assert.Contains(t, c.files.InitConfiguration(), "containerRuntimeEndpoint: "+c.kubelet)
			assert.Equal(t, c.images, c.files.ListImages()[0])
		})
	}
}

func TestSubstitutesAreProgramsThatExist(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"crio": 0o755, "pinns": 0o755, "manager": 0o755, "text": 0o644, "alone/crio": 0o755} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, mode))
	}
	t.Chdir(dir)
	cases := map[string]struct {
		env  map[string]string
		want Files
		says string
	}{
		"none":         {},
		"both":         {env: map[string]string{"CRIO": "crio", "CHECKPOINT_AGENT": "manager"}, want: Files{CRIO: filepath.Join(dir, "crio"), Agent: filepath.Join(dir, "manager")}},
		"no such file": {env: map[string]string{"CRIO": "nowhere"}, says: "CRIO=nowhere: stat"},
		"no program":   {env: map[string]string{"CHECKPOINT_AGENT": "text"}, says: "CHECKPOINT_AGENT=text: this is no executable file"},
		"a folder":     {env: map[string]string{"CHECKPOINT_AGENT": "."}, says: "CHECKPOINT_AGENT=.: this is no executable file"},
		"torch":        {env: map[string]string{"TRAINING": "torch"}, want: Files{TrainsWith: "torch"}},
		"numpy":        {env: map[string]string{"TRAINING": "numpy"}},
		"a library that the training does not know": {env: map[string]string{"TRAINING": "jax"}, says: "TRAINING=jax: use numpy or torch"},
		"CRI-O alone": {env: map[string]string{"CRIO": "alone/crio"}, says: "CRI-O needs its pinns in the same folder"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			files, err := Substitutes(func(variable string) string { return c.env[variable] })
			assert.Equal(t, c.want, files)
			if c.says == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.says)
		})
	}
}
