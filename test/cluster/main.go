package cluster

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
)

// parallelTests is how many tests share the lab at the same time unless -parallel says otherwise: they wait more than
// they work, so it is not a matter of cores.
const parallelTests = 8

// Main is the TestMain of a package whose tests share one lab: it builds with Build or BuildControlPlane, starts the
// lab, stores it in *lab, runs the tests, stops the lab and ends the process, also on ctrl-C.
//
// The first build takes longer than go test's default time-out, so build before, or raise -timeout.
func Main(m *testing.M, build func(context.Context, io.Writer) (Binaries, error), options Options, lab **Cluster) {
	os.Exit(runMain(m, build, options, lab))
}

func runMain(m *testing.M, build func(context.Context, io.Writer) (Binaries, error), options Options, lab **Cluster) int {
	if err := raiseParallel(); err != nil {
		return fail(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	finished := make(chan struct{})
	defer cancel()
	defer close(finished)
	binaries, err := build(ctx, os.Stderr)
	if err != nil {
		return fail(err)
	}
	options.Binaries = binaries
	c, err := Start(ctx, options)
	if err != nil {
		return fail(err)
	}
	defer c.Stop()
	go func() {
		select {
		case <-finished:
		case <-ctx.Done():
			c.Stop()
			os.Exit(130)
		}
	}()
	*lab = c
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// raiseParallel sets -parallel unless the user did.
func raiseParallel() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(parallelTests))
}
