// Package realnode boots VMs that become real Kubernetes Nodes, on one Linux machine and without virtual machines: kubelet,
// containerd or CRI-O, runc and CRIU in mount, network, pid, host name and IPC namespaces of their own, which run the VM's startup
// script with bash. Containers there are checkpointed and restored for real.
//
// It knows neither the lab nor the operator. test/cluster starts a Host of it if asked for real nodes, and tells it which VMs boot
// and which lose their power. The package setup describes what is taken from Debian (setup), vm/ what is on a VM.
package realnode
