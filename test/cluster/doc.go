// Package cluster is the lab: a Kubernetes control plane made of the real binaries, on loopback, as child processes
// of whoever starts it, with everything around it that a training cluster has: VMs that join as Nodes, kubelets,
// training programs, a checkpoint agent, and this operator.
//
//	etcd, kube-apiserver, kube-controller-manager, kube-scheduler   real
//	Node leases, Node Ready, pod start and pod removal              kwok, by the stages in stages/
//	VM boot, kubeadm join, node shutdown, sudden death              Hypervisor, driven by internal/gce/gcefake
//	image pulls, training progress, restored progress, exit codes   Trainer
//	CheckpointBackup                                                Agent
//	Metacontroller                                                  test/composite, or the binary named by METACONTROLLER
//	the operator's hooks                                            real, with exactly the RBAC of manifests/
//
// What follows from a Node's death (NotReady, taints, eviction, FailureTarget, PodGC) comes from the real controllers
// with shortened time-outs; the lab only stops the heartbeats.
//
// It is no load generator, says nothing about container runtimes, GPUs or networks, and is not safe for more than
// one user: the API server listens on 127.0.0.1 with a random admin token in a file. It runs on Linux and macOS.
package cluster
