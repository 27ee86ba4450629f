package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// config is what flags and environment say.
type config struct {
	listen      string
	kubeconfig  string
	gceEndpoint string
	prices      string
	logLevel    slog.Level
	trusted     []string // namespaces that may buy with the operator's own identity
}

// parseConfig reads flags; KUBECONFIG stands in for --kubeconfig.
func parseConfig(args []string, env func(string) string) (config, error) {
	var c config
	flags := flag.NewFlagSet("hooks", flag.ContinueOnError)
	flags.StringVar(&c.listen, "listen", ":8080", "host:port to serve hooks, probes and metrics on")
	flags.StringVar(&c.kubeconfig, "kubeconfig", env("KUBECONFIG"), "kubeconfig file; empty: the ServiceAccount of this pod")
	flags.StringVar(&c.gceEndpoint, "gce-endpoint", "", "URL of a Compute Engine stand-in, called without authentication; empty: Google")
	flags.StringVar(&c.prices, "prices", "", "CSV `file` with what VMs cost: region, machine_type, on_demand_usd_h, spot_usd_h; it may come and change later")
	flags.Func("own-identity-namespaces", "comma-separated `names` of the namespaces whose SpotInstanceVMs may buy VMs with the Google identity of the operator itself; empty: none", func(list string) (err error) {
		c.trusted, err = parseNamespaces(list)
		return err
	})
	flags.TextVar(&c.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unknown argument %q: the sub-commands are render and gc", flags.Arg(0))
	}
	return c, c.validate()
}

func (c config) validate() error {
	if c.listen == "" {
		return errors.New("--listen is empty: give host:port, such as :8080")
	}
	return validateEndpoint(c.gceEndpoint)
}

// parseNamespaces takes names only: a pattern would hand the operator's identity to namespaces that nobody has thought of.
func parseNamespaces(list string) ([]string, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return nil, fmt.Errorf("%q is not the name of a namespace: write each namespace out, without patterns, such as team-a,team-b: %s", name, problems[0])
		}
		names = append(names, name)
	}
	return names, nil
}

func validateEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--gce-endpoint %q is not an http URL", endpoint)
	}
	return nil
}
