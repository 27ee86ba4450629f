package release_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBuildAndPush(t *testing.T) {
	cases := map[string]struct {
		args      []string
		make      string // what the stand-in for make does
		succeeds  bool
		calls     []string
		mentioned string
	}{
		"a version": {
			args: []string{"v1.2.3"}, succeeds: true,
			calls: []string{
				"make test", "make build",
				"make docker-build IMG=" + image + ":v1.2.3", "make docker-push IMG=" + image + ":v1.2.3",
			},
			mentioned: "make deploy IMG=" + image + ":v1.2.3",
		},
		"no version": {
			succeeds: true,
			calls: []string{
				"make test", "make build",
				"make docker-build IMG=" + image + ":latest", "make docker-push IMG=" + image + ":latest",
			},
			mentioned: "make deploy IMG=" + image + ":latest",
		},
		"failed tests": {
			make: `[ "$1" != test ]`, calls: []string{"make test"},
		},
		"a failed build": {
			make: `[ "$1" != build ]`, calls: []string{"make test", "make build"},
		},
		"a failed image": {
			make:  `[ "$1" != docker-build ]`,
			calls: []string{"make test", "make build", "make docker-build IMG=" + image + ":latest"},
		},
		"no tag": {
			args: []string{"v1 --push"}, mentioned: "VERSION must be an image tag",
		},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			w := newWorkbench(t)
			w.standIn("make", c.make)
			output, succeeded, calls := w.run(append([]string{"./build-and-push.sh"}, c.args...)...)
			assert.Equal(t, c.succeeds, succeeded, output)
			assert.Equal(t, c.calls, calls)
			assert.Contains(t, output, c.mentioned)
			if !c.succeeds {
				assert.NotContains(t, output, "Pushed")
			}
		})
	}
}

func TestDockerBuild(t *testing.T) {
	cases := map[string]struct {
		args      []string
		docker    string // what the stand-in for docker does
		succeeds  bool
		calls     []string
		mentioned string
	}{
		"a version": {
			args: []string{"v1.2.3"}, succeeds: true,
			calls: []string{
				"docker build -t " + image + ":v1.2.3 -t " + image + ":latest .",
				"docker push " + image + ":v1.2.3", "docker push " + image + ":latest",
			},
			mentioned: "make deploy IMG=" + image + ":v1.2.3",
		},
		"no version": {
			succeeds: true,
			calls: []string{
				"docker build -t " + image + ":latest -t " + image + ":latest .",
				"docker push " + image + ":latest",
			},
			mentioned: "make deploy IMG=" + image + ":latest",
		},
		"a failed build": {
			args: []string{"v1.2.3"}, docker: `[ "$1" != build ]`,
			calls: []string{"docker build -t " + image + ":v1.2.3 -t " + image + ":latest ."},
		},
		"a failed push": {
			args: []string{"v1.2.3"}, docker: `[ "$1" != push ]`,
			calls: []string{
				"docker build -t " + image + ":v1.2.3 -t " + image + ":latest .",
				"docker push " + image + ":v1.2.3",
			},
		},
		"no tag": {
			args: []string{"latest;true"}, mentioned: "VERSION must be an image tag",
		},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			w := newWorkbench(t)
			w.standIn("docker", c.docker)
			output, succeeded, calls := w.run(append([]string{"./docker-build.sh"}, c.args...)...)
			assert.Equal(t, c.succeeds, succeeded, output)
			assert.Equal(t, c.calls, calls)
			assert.Contains(t, output, c.mentioned)
			if !c.succeeds {
				assert.NotContains(t, output, "Pushed")
			}
		})
	}
}

func TestCIRunsEveryStageAndFailsIfOneDoes(t *testing.T) {
	for failing, succeeds := range map[string]bool{"none": true, "verify": false, "lint": false, "mutation": false, "test-real": false, "test": false} {
		t.Run(failing, func(t *testing.T) {
			w := newWorkbench(t)
			w.standIn("make", `echo "DONE 7 tests"; [ "$2" != `+failing+` ]`)
			output, succeeded, calls := w.run(".ci/run")
			assert.Equal(t, succeeds, succeeded, output)
			assert.Equal(t, []string{
				"make --no-print-directory verify", "make --no-print-directory lint",
				"make --no-print-directory mutation", "make --no-print-directory test-real", "make --no-print-directory test",
			}, calls)
			assert.True(t, strings.HasSuffix(output, "DONE 7 tests\n"), output)
		})
	}
}
