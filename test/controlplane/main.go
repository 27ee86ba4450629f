// Command controlplane is a Kubernetes control plane and kubectl in one binary, one component per sub-command,
// so that the lab needs neither a download nor a container: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and kubectl as their own modules build them.
//
// It starts nothing by itself and knows nothing of the lab; test/cluster builds it, passes the flags and ends
// it. It is a module of its own because these dependencies have no business in the operator's go.mod. kwok is a
// tool of this module and not a sub-command: it registers a --version flag, as Kubernetes' components do, and two
// of that name end the program.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	components := map[string]func() int{
		"etcd":                    runEtcd,
		"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
		"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
		"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
		"kubectl":                 func() int { return cli.Run(kubectl.NewDefaultKubectlCommand()) },
	}
	if len(os.Args) < 2 || components[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: controlplane %s [flags]\n", names(components))
		os.Exit(2)
	}
	component := os.Args[1]
	os.Args = os.Args[1:]
	os.Exit(components[component]())
}

// runEtcd never fails by return: etcd ends the process itself.
func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func names(components map[string]func() int) string {
	var list []string
	for name := range components {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, "|")
}
