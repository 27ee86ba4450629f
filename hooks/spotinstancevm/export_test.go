package spotinstancevm

import (
	"context"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

// Pure reads what a sync would, and returns what follows of it: decide and render, without a call to anybody.
func (h *Hook) Pure(r *webhook.Request[v1alpha1.SpotInstanceVM]) (func() webhook.Response, error) {
	parsed, err := parse(r)
	if err != nil {
		return nil, err
	}
	o, _ := h.observe(context.Background(), parsed)
	return func() webhook.Response {
		d := decide(o)
		return render(parsed.pool, statusOf(parsed.pool, o, d), d)
	}, nil
}
