package deps_test

import (
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestViolations(t *testing.T) {
	cases := map[string]struct {
		from    string
		imports goPackage
		allowed bool
	}{
		"api uses the API machinery":     {"api/v1alpha1", goPackage{Imports: []string{"strings", "k8s.io/apimachinery/pkg/runtime"}}, true},
		"api uses a client":              {"api/v1alpha1", goPackage{Imports: []string{"k8s.io/client-go/rest"}}, false},
		"api uses an internal package":   {"api/v1alpha1", goPackage{Imports: []string{module + "/internal/gce"}}, false},
		"internal uses a hook":           {"internal/webhook", goPackage{Imports: []string{module + "/hooks/spotinstancejob"}}, false},
		"a test of internal uses a hook": {"internal/webhook", goPackage{TestImports: []string{module + "/hooks"}}, false},
		"the router uses a hook":         {"hooks", goPackage{Imports: []string{module + "/hooks/spotinstancejob", "net/http"}}, true},
		"a hook uses another":            {"hooks/spotinstancejob", goPackage{Imports: []string{module + "/hooks/spotinstancevm"}}, false},
		"a hook's tests use the hook":    {"hooks/spotinstancejob", goPackage{XTestImports: []string{module + "/hooks/spotinstancejob"}}, true},
		"a hook serves HTTP":             {"hooks/spotinstancevm", goPackage{Imports: []string{"net/http"}}, false},
		"a hook reads a file":            {"hooks/spotinstancevm", goPackage{Imports: []string{"os"}}, false},
		"a hook's tests read a file":     {"hooks/spotinstancevm", goPackage{TestImports: []string{"os"}}, true},
		"a hook builds objects":          {"hooks/spotinstancejob", goPackage{Imports: []string{"k8s.io/client-go/applyconfigurations/batch/v1"}}, true},
		"a hook makes a client":          {"hooks/spotinstancevm", goPackage{Imports: []string{"k8s.io/client-go/kubernetes"}}, false},
		"a pool uses the cloud":          {"hooks/spotinstancevm", goPackage{Imports: []string{module + "/internal/gce"}}, true},
		"a job uses the cloud":           {"hooks/spotinstancejob", goPackage{Imports: []string{module + "/internal/gce"}}, false},
		"a pool uses the cloud's client": {"hooks/spotinstancevm", goPackage{Imports: []string{"cloud.google.com/go/compute/apiv1"}}, false},
		"a test uses the lab":            {"internal/gce", goPackage{XTestImports: []string{module + "/test/cluster"}}, false},
		"the lab's command uses the lab": {"cmd/lab", goPackage{Imports: []string{module + "/test/cluster"}}, true},
		"the image holds the fake":       {"cmd/hooks", goPackage{Deps: []string{module + "/internal/gce/gcefake"}}, false},
		"the image holds testing":        {"cmd/hooks", goPackage{Deps: []string{"testing"}}, false},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			p := c.imports
			p.ImportPath = module + "/" + c.from
			broken := violations([]goPackage{p, {ImportPath: "strings", Standard: true}}, rules())
			if c.allowed {
				assert.Empty(t, broken)
				return
			}
			assert.NotEmpty(t, broken)
		})
	}
}

func TestImpure(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "decide.go", `package p
func pure(o observed) decision { return decision{} }
func fails() (decision, error) { return decision{}, nil }
func waits(ctx context.Context) {}
func forks() { go pure(observed{}) }
func sends(c chan int) {}`, parser.SkipObjectResolution)
	require.NoError(t, err)
	assert.Equal(t, []string{"fails", "waits", "forks", "sends"}, impure(file))
}
