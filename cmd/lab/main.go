// Command lab runs this operator on a Kubernetes control plane of its own, on this machine, with nothing but Go: real
// API server, scheduler and controllers, and stand-ins for Compute Engine, kubelets and the checkpoint agent.
//
//	lab demo     a training job loses its VMs and survives, in about two minutes
//	lab up       the same cluster, left running for you to play with
//	lab build    only compile what the two need, and the tests: they find it in the cache
//	             with --nodes=real, these three are about real nodes: kubelet, containerd and CRIU, on Linux as root
//	lab bench    measure recovery, and what the operator asks of its surroundings, in half an hour
//	lab simulate compare ways to train on spot VMs, on a trace of their capacity: days in seconds
//	lab replay   have one VM wanted for the week of such a trace, and see how much of it the pool has one
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "lab: stopped; nothing is left running")
		os.Exit(130)
	}
	if errors.Is(err, cluster.ErrNoRealNodes) {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(exitNoRealNodes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// exitNoRealNodes is the exit status if this machine cannot run real nodes.
const exitNoRealNodes = 3

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && args[0] == "bench" {
		return measure(ctx, args[1:], out)
	}
	if len(args) > 0 && args[0] == "simulate" {
		return simulate(ctx, args[1:], out)
	}
	if len(args) > 0 && args[0] == "replay" {
		return replay(ctx, args[1:], out)
	}
	realNodes := len(args) == 2 && args[1] == "--nodes=real"
	if len(args) != 1 && !realNodes {
		return errors.New("usage: lab demo [--nodes=real] | lab up [--nodes=real] | lab build [--nodes=real] | lab bench [--nodes=real] [--json FILE] [--only SCENARIO,...] [--runs N] | lab simulate [--help] | lab replay [--help]")
	}
	switch args[0] {
	case "demo":
		return demo(ctx, newScreen(out), realNodes)
	case "up":
		return up(ctx, newScreen(out), realNodes)
	case "build":
		_, err := build(ctx, out, realNodes)
		return err
	}
	return fmt.Errorf("unknown command %q: lab demo | lab up | lab build | lab bench | lab simulate | lab replay", args[0])
}
