// Package nodefit tells of a pod, before a VM is bought for it, that no VM of a pool can run it, and in which zones one can.
//
// It goes by what is certain: the labels that the pool's Nodes register with, and the size of the machine type. What is not known fits,
// since the scheduler has the last word: labels that agents of the cluster set, volumes, taints, other pods' requests, devices.
// How selectors match and requests add up is Kubernetes' own code (k8s.io/component-helpers).
//
// A pool is a SpotInstanceVM, its status included. Nothing here calls anybody.
package nodefit
