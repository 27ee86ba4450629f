package gce_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

func TestScopeOfRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		err  gce.Error
		want gce.Scope
	}{
		"a machine type":                 {gce.Error{Kind: gce.Invalid, Message: "Machine type with name 'g2-standard-8' does not exist in zone 'us-central1-a'."}, gce.ScopeZone},
		"an accelerator":                 {gce.Error{Kind: gce.NotFound, Message: "The resource 'projects/acme/zones/us-central1-a/acceleratorTypes/nvidia-l4' was not found"}, gce.ScopeZone},
		"words that name no place":       {gce.Error{Kind: gce.Invalid, Message: "The request is not valid"}, gce.ScopeZone},
		"an image":                       {gce.Error{Kind: gce.NotFound, Message: "The resource 'projects/acme/global/images/trainer' was not found"}, gce.ScopeZone},
		"a subnetwork":                   {gce.Error{Kind: gce.NotFound, Message: "The resource 'projects/acme/regions/us-central1/subnetworks/train' was not found"}, gce.ScopeRegion},
		"a subnetwork that is not ready": {gce.Error{Kind: gce.Unavailable, Message: "The resource 'projects/acme/regions/us-central1/subnetworks/train' is not ready"}, gce.ScopeRegion},
		"a policy for a region":          {gce.Error{Kind: gce.Invalid, Message: "Location REGION:us-central1 violates constraint constraints/gcp.resourceLocations"}, gce.ScopeRegion},
		"a policy for a zone":            {gce.Error{Kind: gce.Invalid, Message: "Location ZONE:us-central1-a violates constraint constraints/gcp.resourceLocations on the resource projects/acme/zones/us-central1-a/instances/x."}, gce.ScopeZone},
		"zone and region":                {gce.Error{Kind: gce.Invalid, Message: "us-central1-a of region us-central1 does not offer it"}, gce.ScopeZone},
		"another region's subnetwork":    {gce.Error{Kind: gce.Invalid, Message: "Subnetwork 'regions/us-west1/subnetworks/train' is in another region than the instance"}, gce.ScopeZone},
		"a name that begins like it":     {gce.Error{Kind: gce.NotFound, Message: "The resource 'projects/us-central1-images/global/images/trainer' was not found"}, gce.ScopeZone},
		"a stockout":                     {gce.Error{Kind: gce.Stockout, Code: "ZONE_RESOURCE_POOL_EXHAUSTED", Message: "The zone 'projects/acme/zones/us-central1-a' does not have enough resources"}, gce.ScopeZone},
		"a stockout of the region":       {gce.Error{Kind: gce.Stockout, Code: "REGION_RESOURCE_POOL_EXHAUSTED"}, gce.ScopeRegion},
		"a quota":                        {gce.Error{Kind: gce.Quota, QuotaMetric: "PREEMPTIBLE_NVIDIA_L4_GPUS", Message: "Quota 'PREEMPTIBLE_NVIDIA_L4_GPUS' exceeded. Limit: 8.0 in region us-central1."}, gce.ScopeRegion},
		"addresses of a subnetwork":      {gce.Error{Kind: gce.Quota, Code: "IP_SPACE_EXHAUSTED"}, gce.ScopeRegion},
		"all GPUs":                       {gce.Error{Kind: gce.Quota, QuotaMetric: "compute.googleapis.com/gpus_all_regions"}, gce.ScopeProject},
		"all CPUs":                       {gce.Error{Kind: gce.Quota, QuotaMetric: "CPUS_ALL_REGIONS"}, gce.ScopeProject},
		"a quota that is global":         {gce.Error{Kind: gce.Quota, QuotaMetric: "SNAPSHOTS", Message: "Quota 'SNAPSHOTS' exceeded. Limit: 10.0 globally."}, gce.ScopeProject},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, test.err.Scope("us-central1-a")) })
	}
}
