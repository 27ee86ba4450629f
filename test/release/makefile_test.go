package release_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHelpNamesEveryTarget(t *testing.T) {
	w := newWorkbench(t)
	output, succeeded, _ := w.run("make")
	require.True(t, succeeded, output)
	makefile, err := os.ReadFile(filepath.Join(w.root, "Makefile"))
	require.NoError(t, err)
	targets := regexp.MustCompile(`(?m)^\.PHONY: (.+)$`).FindAllStringSubmatch(string(makefile), -1)
	require.NotEmpty(t, targets)
	for _, target := range targets {
		assert.Regexp(t, `(?m)^  `+target[1]+` +\S`, output, "give %s a ## description", target[1])
	}
}

// crds is a stand-in for kubectl in a cluster that has only the named CRDs; what is applied from stdin is kept.
func crds(w workbench, names string) string {
	return `[ "$1 $2" = "get crd" ] && { shift 2; for crd; do case " ` + names + ` " in *" $crd "*) ;; *) exit 1;; esac; done; exit 0; }
[ "$1" = apply ] && cat > "` + w.dir + `/applied"
exit 0`
}

const (
	ours    = "spotinstancejobs.training.training.dcnlab.com spotinstancevms.training.training.dcnlab.com"
	foreign = "compositecontrollers.metacontroller.k8s.io checkpointbackups.migration.dcnlab.com"
)

func TestDeploySetsTheImage(t *testing.T) {
	w := newWorkbench(t)
	w.standIn("kubectl", crds(w, ours+" "+foreign))
	output, succeeded, _ := w.run("make", "deploy", "IMG=registry.example.com/team/operator@sha256:0f")
	require.True(t, succeeded, output)
	applied, err := os.ReadFile(filepath.Join(w.dir, "applied"))
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(string(applied), "image: "), "of the hooks, of the node agent and of gc")
	assert.Equal(t, 3, strings.Count(string(applied), "        image: registry.example.com/team/operator@sha256:0f\n"))
	assert.Equal(t, 2, strings.Count(string(applied), "\nkind: CompositeController\n"))
}

func TestDeploySaysWhatIsMissing(t *testing.T) {
	cases := map[string]struct {
		crds      string
		succeeds  bool
		mentioned string
	}{
		"our CRDs":         {foreign, false, "Run make install first."},
		"Metacontroller":   {ours + " checkpointbackups.migration.dcnlab.com", true, "kubectl apply -k 'https://github.com/metacontroller/metacontroller"},
		"checkpoint agent": {ours + " compositecontrollers.metacontroller.k8s.io", true, "the checkpoint agent is not installed"},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			w := newWorkbench(t)
			w.standIn("kubectl", crds(w, c.crds))
			output, succeeded, calls := w.run("make", "--silent", "deploy")
			assert.Equal(t, c.succeeds, succeeded, output)
			assert.Contains(t, output, c.mentioned)
			assert.LessOrEqual(t, strings.Count(output, "WARNING"), 1)
			assert.Equal(t, c.succeeds, exists(filepath.Join(w.dir, "applied")))
			assert.Equal(t, title == "checkpoint agent", slices.Contains(calls, "kubectl create -f manifests/without-agent/"), calls)
		})
	}
}

func TestDeployIsQuietWhenNothingIsMissing(t *testing.T) {
	w := newWorkbench(t)
	w.standIn("kubectl", crds(w, ours+" "+foreign))
	output, succeeded, _ := w.run("make", "--silent", "deploy")
	assert.True(t, succeeded)
	assert.Empty(t, output)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestUndeployDeletesPoolsBeforeTheOperator(t *testing.T) {
	kinds := "spotinstancejobs.training.training.dcnlab.com,spotinstancevms.training.training.dcnlab.com"
	look := "kubectl get " + kinds + " --all-namespaces --ignore-not-found"
	jobs := "kubectl delete spotinstancejobs.training.training.dcnlab.com --all --all-namespaces --timeout=10m"
	pools := "kubectl delete spotinstancevms.training.training.dcnlab.com --all --all-namespaces --timeout=15m"
	operator := "kubectl delete --ignore-not-found -f manifests/"
	cases := map[string]struct {
		kubectl   string
		args      []string
		succeeds  bool
		calls     []string
		mentioned string
	}{
		"nothing left":   {"", nil, true, []string{look, jobs, pools, operator}, ""},
		"not confirmed":  {`echo resnet`, nil, false, []string{look}, "make undeploy CONFIRM=yes"},
		"confirmed":      {`echo resnet`, []string{"CONFIRM=yes"}, true, []string{look, jobs, pools, operator}, ""},
		"VMs that stay":  {`[ "$1 $2" != "delete spotinstancevms.training.training.dcnlab.com" ]`, nil, false, []string{look, jobs, pools}, "the operator stays"},
		"no such server": {`[ "$1" != get ]`, nil, false, []string{look}, ""},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			w := newWorkbench(t)
			w.standIn("kubectl", c.kubectl)
			output, succeeded, calls := w.run(append([]string{"make", "undeploy"}, c.args...)...)
			assert.Equal(t, c.succeeds, succeeded, output)
			assert.Equal(t, c.calls, calls)
			assert.Contains(t, output, c.mentioned)
		})
	}
}

func TestUninstallRefusesWhileObjectsExist(t *testing.T) {
	w := newWorkbench(t)
	w.standIn("kubectl", `echo spotinstancevm/t4-pool`)
	output, succeeded, calls := w.run("make", "uninstall")
	assert.False(t, succeeded)
	assert.Len(t, calls, 1)
	assert.Contains(t, output, "Run make undeploy first")
}
