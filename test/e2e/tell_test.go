package e2e

import (
	"fmt"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// tell prints what is known of a story that failed.
func (s *scene) tell() {
	if !s.Failed() {
		return
	}
	var out strings.Builder
	fmt.Fprintf(&out, "---- namespace %s\n", s.namespace)
	for _, k := range []kind{jobs, pools, childJobs, pods, backups} {
		for _, object := range recorded.present(k, s.namespace) {
			status, _ := yaml.Marshal(object.Object["status"])
			fmt.Fprintf(&out, "---- %s %s, deleted: %v, finalizers: %v\n%s", k.name, object.GetName(), object.GetDeletionTimestamp(), object.GetFinalizers(), status)
		}
	}
	for _, node := range s.nodes() {
		fmt.Fprintf(&out, "---- Node %s %v\n", node.Name, node.Spec.Taints)
		for _, c := range node.Status.Conditions {
			if c.Type == "Ready" {
				fmt.Fprintf(&out, "Ready=%s %s\n", c.Status, c.Reason)
			}
		}
	}
	for _, event := range recorded.machines(s.namespace) {
		fmt.Fprintf(&out, "%s VM %s in %s: %s\n", event.Time.Format(time.TimeOnly+".000"), event.VM.Name, event.VM.Zone, event.Kind)
	}
	for _, vm := range s.vms() {
		fmt.Fprintf(&out, "---- VM %s %s, console: %v\n", vm.Name, vm.Status, lab.Hypervisor().Console(vm.Name))
	}
	fmt.Fprintf(&out, "---- the hooks' last lines about it\n%s", s.hookLog(120))
	s.Log(out.String())
}

// hookLog is the last lines of the hooks' log that name the story's namespace.
func (s *scene) hookLog(most int) string {
	data, err := os.ReadFile(lab.Hooks().LogPath())
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, s.namespace) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], "")
}
