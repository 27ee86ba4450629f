package realnode

import "strings"

// criRuntime is what runs containers on a VM. The sample startup script has installed and configured it.
type criRuntime struct {
	socket string            // by which the kubelet calls it
	files  map[string]string // what the lab adds to the VM's disk, by path: which file of vm/ each is
	images []string          // the command that lists the images in its store, one a line
}

func (f Files) runtime() criRuntime {
	if f.CRIO != "" {
		return criRuntime{
			socket: "/run/crio/crio.sock",
			files:  map[string]string{"etc/crio/crio.conf.d/20-lab.conf": "crio.conf", "usr/local/sbin/runc": "runc"},
			images: []string{"buildah", "images", "--format", "{{.Name}}:{{.Tag}}"},
		}
	}
	return criRuntime{
		socket: "/run/containerd/containerd.sock",
		files: map[string]string{
			"etc/containerd/conf.d/lab.toml":             "containerd.toml",
			"etc/containerd/certs.d/_default/hosts.toml": "hosts.toml",
		},
		images: []string{"ctr", "--namespace", "k8s.io", "images", "ls", "-q"},
	}
}

// ListImages is the command that lists the names of all images in the runtime's store of a VM, one a line.
func (f Files) ListImages() []string { return f.runtime().images }

// InitConfiguration is what kubeadm init would be run with, with @VERSION@, @ENDPOINT@ and @LEASE@ (seconds) to be replaced.
func (f Files) InitConfiguration() string {
	return strings.ReplaceAll(script("kubeadm.yaml"), "@SOCKET@", "unix://"+f.runtime().socket)
}
