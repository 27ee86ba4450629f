package gcefake

import (
	"fmt"
	"strconv"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Quota limits the VMs of one region and provisioning model. An insert beyond it is refused at once.
type Quota struct {
	Region string
	Model  string // SPOT or STANDARD; empty: both
	Metric string // as in the error: PREEMPTIBLE_NVIDIA_L4_GPUS
	Limit  int    // VMs, whatever their number of GPUs
}

// SetQuotas replaces all quotas. VMs that exist stay.
func (f *Fake) SetQuotas(quotas ...Quota) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quotas = quotas
}

func (f *Fake) overQuota(spec gce.InstanceSpec) *gce.Error {
	for _, q := range f.quotas {
		if q.covers(spec.Zone, spec.ProvisioningModel) && f.counted(q) >= q.Limit {
			return q.exceeded()
		}
	}
	return nil
}

func (f *Fake) counted(q Quota) int {
	n := 0
	for _, v := range f.vms {
		if q.covers(v.Zone, v.ProvisioningModel) && v.Status != terminated {
			n++
		}
	}
	return n
}

func (q Quota) covers(zone, model string) bool {
	return q.Region == regionOf(zone) && (q.Model == "" || q.Model == model)
}

func (q Quota) exceeded() *gce.Error {
	return &gce.Error{
		Kind: gce.Quota, Code: "quotaExceeded", HTTPStatus: 403, QuotaMetric: q.Metric, QuotaLimit: strconv.Itoa(q.Limit),
		Message: fmt.Sprintf("Quota '%s' exceeded. Limit: %d.0 in region %s.", q.Metric, q.Limit, q.Region),
	}
}
