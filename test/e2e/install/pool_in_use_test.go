package install

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who deletes a pool under a job hears what that costs, and how to lose nothing; each loss counts once.
func TestDeletingAPoolInUseWarns(t *testing.T) {
	s := begin(t)
	s.train()
	s.says("both replicas train", "2", "get", "sij", "resnet", "--output=jsonpath={.status.activeReplicas}")
	s.eventually("the policy, which may be new, warns", func() error {
		dryRun := lab.KubectlCommand() + " --kubeconfig=" + lab.Kubeconfig() + " --namespace=" + s.namespace + " delete sivm l4-pool --dry-run=server"
		out, err := exec.CommandContext(s.Context(), "sh", "-c", dryRun).CombinedOutput() // warnings are on stderr
		if err == nil && !strings.Contains(string(out), "2 VMs of SpotInstanceVM l4-pool are in use and go with it") {
			err = fmt.Errorf("no warning in %q", out)
		}
		return err
	})
	s.kubectl("delete", "sivm", "l4-pool", "--timeout=60s")
	require.NotEqual(t, "Running", s.kubectl("get", "sij", "resnet", "--output=jsonpath={.status.phase}"))
	s.says("both losses are counted", "2", "get", "sij", "resnet", "--output=jsonpath={.status.preemptions}")
	s.eventually("the pods are collected", func() error {
		if pods := s.kubectl("get", "pods", "--output=name"); pods != "" {
			return fmt.Errorf("%s", pods)
		}
		return nil
	})
	require.Equal(t, "2", s.kubectl("get", "sij", "resnet", "--output=jsonpath={.status.preemptions}"))
	s.end()
}
