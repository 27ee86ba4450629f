package e2e

import (
	"context"
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

// What all stories share: the cluster, its recorder, the judge of the hooks' answers, and how many scenes began.
var (
	lab      *cluster.Cluster
	recorded *recorder
	judge    = &trafficJudge{}
	scenes   atomic.Int64
)

// realNodes tells the stories on real nodes instead, on Linux as root. See docs/testing.md for which of them, and make test-real.
var realNodes = flag.Bool("real-nodes", false, "boot VMs as real nodes, with containers that are really checkpointed and restored")

func TestMain(m *testing.M) {
	flag.Parse()
	build, notice := cluster.Build, 5*time.Second
	if *realNodes {
		build, notice = cluster.BuildRealNodes, time.Minute // a real VM takes longer to join, and a checkpoint as long as it takes
	}
	cluster.Main(m, build, cluster.Options{RealNodes: *realNodes, GCE: gcefake.Config{
		Timings: gcefake.Timings{
			Provision: 500 * time.Millisecond, Stage: 500 * time.Millisecond, Stockout: time.Second,
			Delete: time.Second, Stop: 2 * time.Second, Notice: notice,
		},
		Zones: allZones(),
	}, Prices: allPrices()}, &lab)
}

// install installs the checkpoint agent's kind and the operator, and begins to record, before the first story.
var install = sync.OnceValue(func() error {
	// Not a test's context: the operator outlives the story that happens to be first.
	ctx := context.Background()
	if err := lab.InstallCheckpointBackups(ctx); err != nil {
		return err
	}
	if err := lab.InstallOperator(ctx, cluster.OperatorOptions{Observe: judge.observe}); err != nil {
		return err
	}
	recorded = record(ctx, lab)
	return nil
})
