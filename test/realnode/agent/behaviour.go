package main

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of a namespace by which a test tells how checkpoints of its pods go. The modes are those of the lab's stand-in.
const (
	annotationMode     = "lab.training.dcnlab.com/agent"
	annotationDuration = "lab.training.dcnlab.com/agent-duration"
)

// behaviour is how checkpoints go.
type behaviour struct {
	mode     string
	duration time.Duration // that a checkpoint takes at least
}

// behaviourOf reads what the namespace says. Without an annotation, checkpoints go as they should.
func (a *agent) behaviourOf(ctx context.Context, namespace string) (behaviour, error) {
	object, err := a.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return behaviour{}, err
	}
	b := behaviour{mode: object.Annotations[annotationMode]}
	if text := object.Annotations[annotationDuration]; text != "" {
		b.duration, err = time.ParseDuration(text)
	}
	return b, err
}
