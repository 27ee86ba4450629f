package main

import (
	"context"
	"time"
)

// up starts the lab, with real nodes or not, applies the samples, and leaves everything running until ctrl-C.
func up(ctx context.Context, s *screen, realNodes bool) error {
	r, err := start(ctx, s, realNodes)
	if err != nil {
		return err
	}
	defer r.lab.Stop()
	if err := r.applySamples(ctx, s, time.Hour, sampleInterval); err != nil {
		return err
	}
	s.say(time.Now(), "the lab is up; ctrl-C ends it and leaves nothing behind")
	s.print(`
Use it:

  export KUBECONFIG=` + r.lab.Kubeconfig() + `
  kubectl -n ` + r.namespace + ` get sij,sivm,jobs,pods,checkpointbackups

Without a kubectl of your own:

  alias kubectl='` + r.lab.KubectlCommand() + `'

See the VMs, and preempt one by hand:

  curl -s ` + r.lab.GCEEndpoint() + `/lab/instances
  curl -s -X POST '` + r.lab.GCEEndpoint() + `/lab/preempt?instance=NAME'

Logs of the hooks and of the control plane: ` + r.lab.Dir() + `/*.log
`)
	<-ctx.Done()
	return ctx.Err()
}
