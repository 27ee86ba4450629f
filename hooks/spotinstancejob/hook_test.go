package spotinstancejob

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/webhook"
)

var atNoon = Hook{Now: func() time.Time { return noon }}

func TestCustomizeAsksForPodsAndPool(t *testing.T) {
	job := given().job
	assert.Equal(t, webhook.CustomizeResponse{RelatedResources: []webhook.RelatedRule{
		{APIVersion: "v1", Resource: "pods", Namespace: "ml", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{v1alpha1.LabelJobUID: "uid-train"}}},
		{APIVersion: "training.training.dcnlab.com/v1alpha1", Resource: "spotinstancevms", Namespace: "ml", Names: []string{"a100"}},
	}}, atNoon.Customize(&job))
}

// TestAnyOtherUpdateStrategyChangesNothing: the stubs that stand for existing children would strip them.
func TestAnyOtherUpdateStrategyChangesNothing(t *testing.T) {
	for _, method := range []string{"InPlace", "Recreate", "RollingInPlace", "RollingRecreate"} {
		request := given(peers(time.Hour)).request(t)
		rule := webhook.ChildRule{Resource: "jobs", UpdateStrategy: &struct {
			Method string `json:"method"`
		}{method}}
		request.Controller.Spec.ChildResources = []webhook.ChildRule{rule}
		response, err := atNoon.Sync(context.Background(), request)
		require.ErrorContains(t, err, "updateStrategy must be OnDelete")
		assert.Zero(t, response)
	}
}

// TestWhatWasNotObservedIsNotAbsent: a request without a group is an error, or all children of that kind would be made
// again.
func TestWhatWasNotObservedIsNotAbsent(t *testing.T) {
	for _, group := range []string{groupJobs, groupBackups, groupPods, groupPools} {
		request := given(peers(time.Hour)).request(t)
		delete(request.Children, group)
		delete(request.Related, group)
		_, err := atNoon.Sync(context.Background(), request)
		assert.ErrorContains(t, err, group)
	}
}
