package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	env := func(key string) string { return map[string]string{"KUBECONFIG": "/env/config"}[key] }
	for name, test := range map[string]struct {
		args    []string
		want    config
		refused string
	}{
		"defaults":            {nil, config{listen: ":8080", kubeconfig: "/env/config"}, ""},
		"a flag beats env":    {[]string{"--kubeconfig=/flag"}, config{listen: ":8080", kubeconfig: "/flag"}, ""},
		"log level":           {[]string{"--log-level=debug"}, config{listen: ":8080", kubeconfig: "/env/config", logLevel: slog.LevelDebug}, ""},
		"prices":              {[]string{"--prices=/p.csv"}, config{listen: ":8080", kubeconfig: "/env/config", prices: "/p.csv"}, ""},
		"no own identity":     {[]string{"--own-identity-namespaces="}, config{listen: ":8080", kubeconfig: "/env/config"}, ""},
		"own identity":        {[]string{"--own-identity-namespaces=team-a, ml"}, config{listen: ":8080", kubeconfig: "/env/config", trusted: []string{"team-a", "ml"}}, ""},
		"for all namespaces":  {[]string{"--own-identity-namespaces=*"}, config{}, `"*" is not the name of a namespace: write each namespace out`},
		"for a pattern":       {[]string{"--own-identity-namespaces=ml,team-*"}, config{}, `"team-*" is not the name of a namespace`},
		"for nobody":          {[]string{"--own-identity-namespaces=ml,"}, config{}, `"" is not the name of a namespace`},
		"for a sentence":      {[]string{"--own-identity-namespaces=team a"}, config{}, `"team a" is not the name of a namespace`},
		"no address":          {[]string{"--listen="}, config{}, "--listen is empty"},
		"endpoint not a URL":  {[]string{"--gce-endpoint=localhost"}, config{}, "is not an http URL"},
		"unknown sub-command": {[]string{"serve"}, config{}, `unknown argument "serve"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseConfig(test.args, env)
			if test.refused != "" {
				assert.ErrorContains(t, err, test.refused)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

const request = `{"controller":{},"parent":{"metadata":{"uid":"u1","namespace":"ns","name":"resnet"},"spec":{
	"spotInstanceVMRef":{"name":"pool"},
	"checkpointConfig":{"checkpointImageRepo":"docker.io/acme/c","checkpointInterval":"30m"},
	"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"trainer","image":"acme/resnet:v1"}]}}}}}},
	"children":{"Job.batch/v1":{},"CheckpointBackup.migration.dcnlab.com/v1":{}},
	"related":{"Pod.v1":{},"SpotInstanceVM.training.training.dcnlab.com/v1alpha1":{"ns/pool":{"metadata":{"name":"pool","namespace":"ns"}}}},
	"finalizing":false}`

func TestRenderAnswersARecordedRequest(t *testing.T) {
	var out bytes.Buffer
	err := run(t.Context(), []string{"render", "--now", "2026-01-01T00:00:00Z", "spotinstancejob"}, strings.NewReader(request), &out)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(out.String(), `"kind": "Job"`))
	assert.Contains(t, out.String(), "-r1-a1")
	assert.Contains(t, out.String(), "2026-01-01T00:00:00Z")
}

func TestRenderRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args           []string
		input, refused string
	}{
		"the pool hook":  {[]string{"render", "spotinstancevm"}, request, "usage:"},
		"a bad time":     {[]string{"render", "--now=noon", "spotinstancejob"}, request, "--now"},
		"not a request":  {[]string{"render", "spotinstancejob"}, "{", "decode the request"},
		"half a request": {[]string{"render", "spotinstancejob"}, "{}", "no group"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.args, strings.NewReader(test.input), &bytes.Buffer{})
			assert.ErrorContains(t, err, test.refused)
		})
	}
}
