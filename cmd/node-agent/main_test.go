package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	env := map[string]string{"NODE_NAME": "vm-0", "GCE_METADATA_HOST": "127.0.0.1:80"}
	c, err := parseConfig(nil, func(name string) string { return env[name] })
	require.NoError(t, err)
	assert.Equal(t, config{node: "vm-0", metadata: "http://127.0.0.1:80"}, c)

	none := func(string) string { return "" }
	c, err = parseConfig([]string{"--node=vm-1"}, none)
	require.NoError(t, err)
	assert.Equal(t, config{node: "vm-1", metadata: "http://169.254.169.254"}, c)
}

func TestBadConfigNamesTheFlagAndTheRemedy(t *testing.T) {
	for remedy, args := range map[string][]string{
		"--node is empty: set NODE_NAME":          nil,
		`unknown argument "x"`:                    {"--node=a", "x"},
		`--metadata "host:80" is not an http URL`: {"--node=a", "--metadata=host:80"},
	} {
		err := run(t.Context(), args, func(string) string { return "" }, io.Discard)
		assert.ErrorContains(t, err, remedy)
	}
}
