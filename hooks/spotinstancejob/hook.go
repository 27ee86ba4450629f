package spotinstancejob

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Hook answers Metacontroller's calls for SpotInstanceJobs. Its answer is a function of the request, the clock and the
// prices.
type Hook struct {
	Now func() time.Time
	// Prices is what VMs cost; with an error, what they cost as far as is known. Nil: nobody knows.
	Prices func() (*cost.Table, error)
	// Tell has Events written, some time later and if that can be: no call waits for it. Nil: they are not told.
	Tell func(events []corev1.Event)
}

// Customize asks for the job's pods and its pool along with each sync.
func (h Hook) Customize(job *v1alpha1.SpotInstanceJob) webhook.CustomizeResponse {
	return webhook.CustomizeResponse{RelatedResources: []webhook.RelatedRule{
		{
			APIVersion: "v1", Resource: "pods", Namespace: job.Namespace,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelJobUID: string(job.UID)}},
		},
		{
			APIVersion: v1alpha1.GroupVersion.String(), Resource: "spotinstancevms", Namespace: job.Namespace,
			Names: []string{job.Spec.SpotInstanceVMRef.Name},
		},
	}}
}

// Sync answers with the Jobs and CheckpointBackups that should exist, and the status.
func (h Hook) Sync(_ context.Context, request *webhook.Request[v1alpha1.SpotInstanceJob]) (webhook.Response, error) {
	if err := request.Controller.RequireOnDelete(); err != nil {
		return webhook.Response{}, err
	}
	o, err := observe(request, h.Now())
	if err != nil {
		return webhook.Response{}, err
	}
	if h.Prices != nil {
		o.prices, _ = h.Prices() // the pool tells its user what is wrong with the table
	}
	d := decide(o)
	if h.Tell != nil {
		h.Tell(waitEvents(o, d))
	}
	return render(o, d), nil
}
