package crds_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A change is one value of the spec of an example, and the words it is refused with; no words: it is accepted.
type change struct {
	path    string
	value   any
	refused string
}

func TestJobRules(t *testing.T) {
	interval := "must be auto or a duration of at least 1s, such as 30m or 1h30m"
	run(t, "smallest-job", map[string]change{
		"left to the operator":         {"checkpointConfig.checkpointInterval", "auto", ""},
		"auto, misspelt":               {"checkpointConfig.checkpointInterval", "Auto", interval},
		"an hour and a half":           {"checkpointConfig.checkpointInterval", "1h30m", ""},
		"a fraction":                   {"checkpointConfig.checkpointInterval", "1.5h", ""},
		"seconds":                      {"checkpointConfig.checkpointInterval", "604800s", ""},
		"no unit":                      {"checkpointConfig.checkpointInterval", "30", interval},
		"a unit that Go lacks":         {"checkpointConfig.checkpointInterval", "1d", interval},
		"a word":                       {"checkpointConfig.checkpointInterval", "hourly", interval},
		"empty":                        {"checkpointConfig.checkpointInterval", "", interval},
		"negative":                     {"checkpointConfig.checkpointInterval", "-5m", interval},
		"too short":                    {"checkpointConfig.checkpointInterval", "999ms", interval},
		"longer than Go can count":     {"checkpointConfig.checkpointInterval", "9999999999h", interval},
		"a timeout of nothing":         {"checkpointConfig.timeout", "0s", "timeout must be a duration of at least 1s"},
		"no repository":                {"checkpointConfig.checkpointImageRepo", "", "spec.checkpointConfig.checkpointImageRepo"},
		"repository and interval only": {"checkpointConfig", map[string]any{"checkpointImageRepo": "acme/checkpoints", "checkpointInterval": "auto"}, ""},
		"an interval only":             {"checkpointConfig", map[string]any{"checkpointInterval": "30m"}, "set checkpointConfig.checkpointImageRepo to an image repository, or checkpointConfig.method to Application if the training saves itself"},
		"a repository only":            {"checkpointConfig", map[string]any{"checkpointImageRepo": "acme/checkpoints"}, "set checkpointConfig.checkpointInterval to auto or a duration, or checkpointConfig.method to Application if the training saves itself"},
		"nothing but Container":        {"checkpointConfig", map[string]any{"method": "Container"}, "set checkpointConfig.checkpointImageRepo"},
		"Application alone":            {"checkpointConfig", map[string]any{"method": "Application"}, ""},
		"an unknown method":            {"checkpointConfig.method", "Bucket", `supported values: "Container", "Application"`},
		"nothing retained":             {"checkpointConfig.retain", int64(0), "greater than or equal to 1"},
		"no replicas":                  {"replicas", int64(0), "greater than or equal to 1"},
		"64 replicas":                  {"replicas", int64(64), ""},
		"65 replicas":                  {"replicas", int64(65), "less than or equal to 64"},
		"an unnamed pool":              {"spotInstanceVMRef", map[string]any{}, "set spotInstanceVMRef.name to the name of a SpotInstanceVM in this namespace"},
		"an unknown preemption rule":   {"checkpointConfig.onPreemption", "Always", `supported values: "Auto", "None"`},
		"a template that is no object": {"jobTemplate", "batch", "must be of type object"},
	})
}

func TestPoolRules(t *testing.T) {
	notice := "preemptionNotice must be 0s or 120s"
	life := "maxRunDuration must be a duration from 30m to 2880h"
	taint := func(effect string) []any { return []any{map[string]any{"key": "gpu", "effect": effect}} }
	run(t, "smallest-pool", map[string]change{
		"connections are closed":      {"criu", map[string]any{"tcp": "Close"}, ""},
		"connections are restored":    {"criu", map[string]any{"tcp": "Established"}, ""},
		"connections by CRIU's word":  {"criu", map[string]any{"tcp": "tcp-close"}, `supported values: "Close", "Established"`},
		"no notice":                   {"preemptionNotice", "0s", ""},
		"two minutes":                 {"preemptionNotice", "2m", ""},
		"one minute":                  {"preemptionNotice", "60s", notice},
		"a bare number":               {"preemptionNotice", "120", notice},
		"half an hour":                {"maxRunDuration", "30m", ""},
		"120 days":                    {"maxRunDuration", "10368000s", ""},
		"too short a life":            {"maxRunDuration", "29m", life},
		"too long a life":             {"maxRunDuration", "2881h", life},
		"a life of nonsense":          {"maxRunDuration", "a week", life},
		"no time to join":             {"joinTimeout", "0s", "joinTimeout must be a duration from 1s to 2h"},
		"two hours to join":           {"joinTimeout", "120m", ""},
		"more than two hours to join": {"joinTimeout", "2h1s", "joinTimeout must be a duration from 1s to 2h"},
		"years to join":               {"joinTimeout", "99999h", "joinTimeout must be a duration from 1s to 2h"},
		"deleted when idle":           {"idleTimeout", "0s", ""},
		"an idle time without a unit": {"idleTimeout", "5", "idleTimeout must be a duration such as 5m, or 0s"},
		"a region for a zone":         {"gcp.zone", "us-central1", "zone must be the name of a GCE zone, such as us-central1-a"},
		"an AI zone":                  {"gcp.zone", "us-south1-ai1b", ""},
		"several zones":               {"gcp.zones", []any{"us-central1-b", "us-east1-c"}, ""},
		"a region among the zones":    {"gcp.zones", []any{"us-central1-b", "us-east1"}, "zones must be names of GCE zones"},
		"more than the most":          {"minReplicas", int64(11), "minReplicas must not exceed maxReplicas: lower minReplicas or raise maxReplicas"},
		"as many as the most":         {"minReplicas", int64(10), ""},
		"no GPU in gpu":               {"gpu", map[string]any{"type": "nvidia-l4", "count": int64(0)}, "greater than or equal to 1"},
		"shared GPUs":                 {"gpu", map[string]any{"type": "nvidia-l4", "count": int64(1), "resourceName": "nvidia.com/gpu.shared"}, ""},
		"GPUs that are no resource":   {"gpu", map[string]any{"type": "nvidia-l4", "count": int64(1), "resourceName": "None"}, ""},
		"a resource without a domain": {"gpu", map[string]any{"type": "nvidia-l4", "count": int64(1), "resourceName": "gpu"}, "resourceName must be what the device plugin calls the GPUs"},
		"a small disk":                {"gcp.diskSizeGB", int64(9), "greater than or equal to 10"},
		"a taint":                     {"taints", taint("NoExecute"), ""},
		"a taint without effect":      {"taints", taint("Never"), "the effect of each taint must be NoSchedule, PreferNoSchedule or NoExecute"},
		"a runtime's socket":          {"kubeadmJoinConfig", map[string]any{"criSocket": "unix:///var/run/crio/crio.sock"}, ""},
		"a runtime's socket, by path": {"kubeadmJoinConfig", map[string]any{"criSocket": "/var/run/crio/crio.sock"}, ""},
		"a runtime by name":           {"kubeadmJoinConfig", map[string]any{"criSocket": "crio"}, "criSocket must be the path of a Unix socket"},
		"an unknown way to buy":       {"provisioningModel", "Cheap", "supported values"},
	})
}

// run creates the example with each change and compares the words it is refused with.
func run(t *testing.T, name string, changes map[string]change) {
	t.Helper()
	servers := apiServers(t)
	for title, c := range changes {
		t.Run(title, func(t *testing.T) {
			object := with(t, example(t, name), c.value, strings.Split(c.path, ".")...)
			_, refused := servers[object["kind"].(string)].admit(object, nil)
			if c.refused == "" {
				assert.Empty(t, refused)
				return
			}
			assert.Contains(t, strings.Join(refused, "\n"), c.refused)
			assert.NotContains(t, strings.Join(refused, "\n"), "conversion error", "a rule must not break on what it refuses")
		})
	}
}

func TestWhatNeverChanges(t *testing.T) {
	servers := apiServers(t)
	cases := map[string]struct {
		example string
		change
	}{
		"another training":       {"smallest-job", change{"jobTemplate.spec.backoffLimit", int64(1), "jobTemplate is immutable: delete this SpotInstanceJob and apply it again to train something else, from zero"}},
		"another way of saving":  {"smallest-job", change{"checkpointConfig.method", "Application", "checkpointConfig.method is immutable, and no checkpointConfig means Application: delete this SpotInstanceJob and apply it again"}},
		"another pool":           {"smallest-job", change{"spotInstanceVMRef.name", "other", "spotInstanceVMRef is immutable: delete this SpotInstanceJob and apply it again to train on another pool, from zero"}},
		"another project":        {"smallest-pool", change{"gcp.project", "other", "gcp.project is immutable: delete this SpotInstanceVM and apply it again"}},
		"more replicas":          {"smallest-job", change{"replicas", int64(3), ""}},
		"suspended":              {"smallest-job", change{"suspend", true, ""}},
		"another interval":       {"smallest-job", change{"checkpointConfig.checkpointInterval", "10m", ""}},
		"another zone":           {"smallest-pool", change{"gcp.zone", "us-west1-b", ""}},
		"zones added":            {"smallest-pool", change{"gcp.zones", []any{"us-west1-b"}, ""}},
		"a fixed size":           {"smallest-pool", change{"replicas", int64(3), ""}},
		"another startup script": {"smallest-pool", change{"startupScript", "echo", ""}},
		"join data in the spec":  {"smallest-pool", change{"kubeadmJoinConfig", map[string]any{"caCertHash": "x"}, ""}},
		"GPUs added":             {"smallest-pool", change{"gpu", map[string]any{"type": "nvidia-l4", "count": int64(1)}, ""}},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			server := servers[example(t, c.example)["kind"].(string)]
			old, refused := server.admit(example(t, c.example), nil)
			assert.Empty(t, refused)
			_, refused = server.admit(with(t, example(t, c.example), c.value, strings.Split(c.path, ".")...), old)
			if c.refused == "" {
				assert.Empty(t, refused)
				return
			}
			assert.Contains(t, strings.Join(refused, "\n"), c.refused)
		})
	}
}
