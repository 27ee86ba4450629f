package realnode

import (
	"maps"
	"path/filepath"
	"strings"
)

// criRuntime is what runs containers on a VM.
type criRuntime struct {
	socket string            // by which the kubelet calls it
	binary string            // on the VM; empty for containerd, which is with the other programs
	files  map[string]string // of the VM's disk, by path: which file of vm/ each is
}

// crioFolder is where a VM has CRI-O's own folder: pinns is there, too, and conmon in CRI-O's releases.
const crioFolder = "/opt/crio"

func (f Files) runtime() criRuntime {
	r := criRuntime{
		socket: "/run/containerd/containerd.sock",
		files: map[string]string{
			"etc/containerd/config.toml":                 "containerd.toml",
			"etc/containerd/certs.d/_default/hosts.toml": "hosts.toml",
		},
	}
	if f.CRIO != "" {
		r = criRuntime{
			socket: "/run/crio/crio.sock", binary: filepath.Join(crioFolder, filepath.Base(f.CRIO)),
			files: map[string]string{"etc/crio/crio.conf": "crio.conf", "usr/local/sbin/runc": "runc"},
		}
	}
	if f.CRIO != "" || f.Agent != "" { // buildah reads what CRI-O reads
		maps.Copy(r.files, map[string]string{
			"etc/containers/registries.conf": "registries.conf", "etc/containers/policy.json": "policy.json",
		})
	}
	r.files["usr/local/bin/container-runtime"] = "container-runtime"
	return r
}

// environment tells the VM's init which runtime it has.
func (r criRuntime) environment(f Files) []string {
	env := []string{"LAB_SOCKET=" + r.socket}
	if r.binary != "" {
		env = append(env, "LAB_CRIO="+r.binary, "LAB_CRIO_FOLDER="+filepath.Dir(f.CRIO))
	}
	return env
}

// InitConfiguration is what kubeadm init would be run with, with @VERSION@, @ENDPOINT@ and @LEASE@ (seconds) to be replaced.
func (f Files) InitConfiguration() string {
	return strings.ReplaceAll(script("kubeadm.yaml"), "@SOCKET@", "unix://"+f.runtime().socket)
}

// DebianPackages are what the VMs' disk must have for these files besides what setup puts there for all.
func (f Files) DebianPackages() []string {
	var packages []string
	if f.CRIO != "" {
		packages = append(packages, "conmon", "libgpgme11t64") // with the latter, CRI-O links by default
	}
	if f.Agent != "" {
		packages = append(packages, "buildah", "netavark")
	}
	return packages
}
