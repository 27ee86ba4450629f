package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of both kinds.
var GroupVersion = schema.GroupVersion{Group: "training.training.dcnlab.com", Version: "v1alpha1"}

// AddToScheme registers both kinds and their lists with a runtime.Scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&SpotInstanceJob{}, &SpotInstanceJobList{},
		&SpotInstanceVM{}, &SpotInstanceVMList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
