// Command hooks serves the operator's hooks to Metacontroller.
//
//	hooks [flags]                              serve
//	hooks render spotinstancejob < request     answer one recorded sync request of a job, offline
//	hooks gc [flags]                           delete VMs whose SpotInstanceVM does not exist any more
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// drain is how long calls in flight may take after a stop signal. It is less than the Deployment's
// terminationGracePeriodSeconds.
const drain = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hooks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 && args[0] == "render" {
		return render(ctx, args[1:], stdin, stdout)
	}
	if len(args) > 0 && args[0] == "gc" {
		return gc(ctx, args[1:], stdout)
	}
	config, err := parseConfig(args, os.Getenv)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: config.logLevel}))
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", config.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", config.listen, err)
	}
	return serve(ctx, config, log, listener)
}
