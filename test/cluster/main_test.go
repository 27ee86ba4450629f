package cluster_test

import (
	"os"
	"testing"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// lab is the cluster that the tests of this package share.
var lab *cluster.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(ownerEnv) != "" {
		os.Exit(ownLab())
	}
	cluster.Main(m, cluster.Build, cluster.Options{CheckpointBackups: true}, &lab)
}
