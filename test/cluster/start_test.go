package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

func TestStartThatFailsShowsTheEndOfTheLog(t *testing.T) {
	cases := map[string]struct {
		says   string
		starts int
	}{
		"something is wrong":     {says: "etcd: this disk is full", starts: 1},
		"somebody took the port": {says: "bind: address already in use", starts: 3},
		"nothing has been built": {},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			var binaries cluster.Binaries
			if c.starts > 0 {
				binaries.ControlPlane = failing(t, tmp, c.says)
			}

			_, err := cluster.Start(t.Context(), cluster.Options{Binaries: binaries})

			if c.starts == 0 {
				require.ErrorContains(t, err, "call Build or BuildControlPlane first")
				return
			}
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "exit status 1")
			starts, err := os.ReadFile(filepath.Join(tmp, "starts"))
			require.NoError(t, err)
			assert.Equal(t, c.starts, strings.Count(string(starts), "etcd"))
			left, err := filepath.Glob(filepath.Join(tmp, "spot-lab-*"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// failing is a control plane whose etcd notes that it was started, says something and ends. The others stay, so that it
// is always etcd that Start finds dead, and never one that was stopped before it could note its start.
func failing(t *testing.T, dir, says string) string {
	t.Helper()
	path := filepath.Join(dir, "controlplane")
	script := "#!/bin/sh\n[ $1 = etcd ] || exec sleep 60\n" +
		"echo $1 >> " + filepath.Join(dir, "starts") + "\necho '" + says + "'\nexit 1\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}
