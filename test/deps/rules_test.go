package deps_test

// A rule says which packages may not import which, and why. Packages of this module are named by their path below it,
// such as hooks/spotinstancejob; "..." at the end stands for any rest, and "*" for one element of the path.
type rule struct {
	from      []string // the packages the rule is for
	except    []string // of those, the ones it is not for
	forbidden []string // what they may not import
	allowed   []string // of that, what they may import
	tests     bool     // whether the imports of test files count too
	deep      bool     // whether imports of imports count too
	why       string
}

func rules() []rule {
	return []rule{
		{
			from:      []string{"api/..."},
			forbidden: []string{"..."},
			allowed:   []string{"std", "k8s.io/apimachinery/...", "k8s.io/api/..."},
			why:       "whoever talks to the operator imports api: it must not bring the operator along",
		},
		{
			from:      []string{"internal/..."},
			forbidden: []string{"hooks/...", "cmd/..."},
			tests:     true,
			why:       "internal packages serve the hooks and know nothing of them",
		},
		{
			from:      []string{"hooks/*/..."},
			forbidden: []string{"hooks", "hooks/*/...", "cmd/..."},
			tests:     true,
			why:       "a hook is on its own: what two of them share belongs into api or internal",
		},
		{
			from:      []string{"..."},
			except:    []string{"test/...", "cmd/lab/..."},
			forbidden: []string{"test/..."},
			tests:     true,
			why:       "test/ may import everything, so nobody may import test/; only cmd/lab starts its cluster",
		},
		{
			from: []string{"cmd/hooks"},
			forbidden: []string{
				"testing", "net/http/httptest", "github.com/stretchr/...", "internal/hooktest/...",
				"internal/gce/gcefake/...", "internal/gce/gcetest/...", "test/...",
				"k8s.io/apiserver/...", "k8s.io/apiextensions-apiserver/...",
			},
			deep: true,
			why:  "what only tests and the lab need must not be in the image",
		},
		{
			from:      []string{"hooks/..."},
			forbidden: []string{"os", "os/...", "flag", "log", "github.com/prometheus/client_golang/prometheus/promhttp"},
			why:       "only cmd reads flags, files and the environment, and only cmd makes the logger",
		},
		{
			from:      []string{"hooks/*/..."},
			forbidden: []string{"net/http", "github.com/go-chi/...", "github.com/prometheus/..."},
			why:       "internal/webhook is the only server code: a hook turns a request value into a response value",
		},
		{
			from:      []string{"hooks/..."},
			forbidden: []string{"k8s.io/client-go/..."},
			allowed:   []string{"k8s.io/client-go/applyconfigurations/..."},
			why:       "a hook sees the cluster through its request, and otherwise through the port it declares itself",
		},
		{
			from:      []string{"hooks/spotinstancejob/..."},
			forbidden: []string{"internal/gce/...", "internal/bootstrap/..."},
			why:       "a job knows Jobs, pods and its pool's status; only the pool's hook knows the cloud",
		},
		{
			from:      []string{"..."},
			except:    []string{"internal/gce/..."},
			forbidden: []string{"cloud.google.com/go/compute/apiv1/...", "google.golang.org/api/..."},
			tests:     true,
			why:       "internal/gce is the only door to the cloud, so that its fake can stand in for all of it",
		},
	}
}
