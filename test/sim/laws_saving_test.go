package sim

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// saver starts the program of a pod that saves itself, of this replica.
func (w *court) saver(name, replica string) {
	pod := w.podOf(replica)
	pod.Name, pod.UID, pod.Annotations = name, types.UID(name), map[string]string{v1alpha1.AnnotationSavesItself: "true"}
	pod.Spec.Containers = []corev1.Container{{Name: "trainer", Image: "acme/train:1"}}
	p := &program{pod: pod}
	w.Machines.programs[pod.UID] = p
	w.Machines.start(p)
}
