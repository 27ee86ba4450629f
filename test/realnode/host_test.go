package realnode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The janitor cleans up when the lab's end of its pipe closes, which the kernel does however the lab ends.
func TestNothingIsLeftOfAHostWhoseProcessIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab", "real")
	h, err := NewHost(Config{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "disk"), nil, 0o600))
	require.DirExists(t, dir)
	require.NoError(t, h.alive.Close())
	require.NoError(t, h.janitor.Wait())
	assert.NoDirExists(t, dir)
}

func TestPodLogsOutliveTheVM(t *testing.T) {
	h := &Host{config: Config{Dir: t.TempDir()}}
	n := &Node{host: h, dir: filepath.Join(h.Logs(), "42")}
	logs := filepath.Join(n.dir, podLogs, "story_pod_uid", "trainer")
	require.NoError(t, os.MkdirAll(logs, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(n.dir, "log"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(logs, "0.log"), []byte("step 1\n"), 0o600))
	for range 2 { // the second time, the VM has no power any more
		read, err := h.PodLogs("story")
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"story_pod_uid": "step 1\n"}, read)
		n.PowerOff()
	}
	assert.NoDirExists(t, filepath.Join(n.dir, "upper"), "the disk is gone")
}
