// Package install tells the stories of installing the operator on the lab: what the API server takes of crds/ and
// manifests/, and what a user sees who has left something out or changed it. They disturb the CompositeControllers that
// all share, so they have a cluster of their own and run one after the other.
//
// It is not about what the operator does once it is installed: the stories of package e2e are.
package install
