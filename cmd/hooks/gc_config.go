package main

import (
	"errors"
	"flag"
	"fmt"
	"time"
)

const (
	defaultGrace = time.Hour
	// minGrace is far above what the clocks of GCE and of this machine differ.
	minGrace = 5 * time.Minute
)

// gcConfig is what flags and environment say of one run of gc. It has no --own-identity-namespaces: to delete is not to buy.
type gcConfig struct {
	kubeconfig  string
	gceEndpoint string
	projects    []string // besides those of the pools
	grace       time.Duration
	dryRun      bool
}

// parseGCConfig reads flags; KUBECONFIG stands in for --kubeconfig.
func parseGCConfig(args []string, env func(string) string) (gcConfig, error) {
	var c gcConfig
	flags := flag.NewFlagSet("hooks gc", flag.ContinueOnError)
	flags.StringVar(&c.kubeconfig, "kubeconfig", env("KUBECONFIG"), "kubeconfig file; empty: the ServiceAccount of this pod")
	flags.StringVar(&c.gceEndpoint, "gce-endpoint", "", "URL of a Compute Engine stand-in, called without authentication; empty: Google")
	flags.DurationVar(&c.grace, "grace", defaultGrace, "VMs younger than this are left alone")
	flags.BoolVar(&c.dryRun, "dry-run", false, "only say what would be deleted")
	flags.Func("project", "Google Cloud project to look into besides those of the SpotInstanceVMs; can be repeated", func(project string) error {
		if project == "" {
			return errors.New("it is empty: give the id of a project")
		}
		c.projects = append(c.projects, project)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unknown argument %q: gc takes flags only", flags.Arg(0))
	}
	if c.grace < minGrace {
		return c, fmt.Errorf("--grace %s is too short: give %s or more, so that no VM is taken that is only just being made", c.grace, minGrace)
	}
	return c, validateEndpoint(c.gceEndpoint)
}
