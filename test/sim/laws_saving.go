package sim

import (
	corev1 "k8s.io/api/core/v1"
)

// programStarted is the law one-at-a-time: while a program that saves itself runs, no other one of the same replica starts. Both would
// save to the same place. It asks the programs themselves, also those on Nodes that nobody hears.
func (l *Laws) programStarted(pod *corev1.Pod) {
	for _, other := range l.world.Machines.programs {
		if other.isRunning() && other.pod.UID != pod.UID && replicaKey(other.pod) == replicaKey(pod) {
			l.violate("one-at-a-time", "%s starts while %s of the same replica runs on %s", pod.Name, other.pod.Name, other.pod.Spec.NodeName)
		}
	}
}
