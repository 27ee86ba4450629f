// Package v1alpha1 is the API of training.training.dcnlab.com: SpotInstanceJob, a
// training job that survives the preemption of its VMs, and SpotInstanceVM, the
// pool of Google Compute Engine spot VMs it runs on. It is the source of crds/.
//
// It holds types, names and reasons only. It does not default, validate beyond
// the schema, or decide anything.
//
// +kubebuilder:object:generate=true
// +groupName=training.training.dcnlab.com
package v1alpha1
