package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/hooks/spotinstancejob"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// render answers one sync request of the job hook, which is a function of the request and the time alone. The pool hook is
// not: it drives Google Cloud.
func render(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("hooks render", flag.ContinueOnError)
	at := flags.String("now", "", "time of the call, in RFC 3339; empty: now")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || flags.Arg(0) != "spotinstancejob" {
		return fmt.Errorf("usage: hooks render [--now TIME] spotinstancejob < request.json")
	}
	now := time.Now()
	if *at != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, *at); err != nil {
			return fmt.Errorf("--now: %w", err)
		}
	}
	data, err := io.ReadAll(stdin)
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	var request webhook.Request[v1alpha1.SpotInstanceJob]
	if err := json.Unmarshal(data, &request); err != nil {
		return fmt.Errorf("decode the request: %w", err)
	}
	hook := spotinstancejob.Hook{Now: func() time.Time { return now }}
	response, err := hook.Sync(ctx, &request)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(response); err != nil {
		return fmt.Errorf("encode the response: %w", err)
	}
	_, err = io.Copy(stdout, &out)
	return err
}
