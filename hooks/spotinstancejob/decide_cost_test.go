package spotinstancejob

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

// pricesOf are prices of the pool's machine type in us-east1, and dearer ones in us-west1.
func pricesOf(t *testing.T, onDemand, spot string) *cost.Table {
	t.Helper()
	table, err := cost.Parse("prices.csv", strings.NewReader("region,machine_type,on_demand_usd_h,spot_usd_h\n"+
		"us-east1,a2-highgpu-1g,"+onDemand+","+spot+"\nus-west1,a2-highgpu-1g,600,540\n"))
	require.NoError(t, err)
	return table
}

func zones(first string, others ...string) fact {
	return func(w *world) { w.pool.Spec.GCP.Zone, w.pool.Spec.GCP.Zones = first, others }
}

// soldIn tells where the pool's VMs are, and how they were sold.
func soldIn(zone, model string) fact {
	return func(w *world) {
		for i := range w.pool.Status.ProvisionedInstances {
			w.pool.Status.ProvisionedInstances[i].Zone, w.pool.Status.ProvisionedInstances[i].ProvisioningModel = zone, model
		}
	}
}

func spent(usd, onDemand string, asOf time.Duration) fact {
	return func(w *world) {
		w.job.Status.Cost = &v1alpha1.CostStatus{SpentUSD: usd, OnDemandUSD: onDemand, AsOf: metav1.Time{Time: ago(asOf)}}
	}
}

// A spot VM costs 1 USD a minute, an on-demand VM 3.
func TestSpent(t *testing.T) {
	trained := anAttempt(0, 1, trains("vm-0", 25*time.Minute))
	gone := one(v1alpha1.InstanceGone, 5*time.Minute)
	for name, c := range map[string]struct {
		given []fact
		want  string // spent, of on demand, as of so long ago
	}{
		"nothing runs":                        {nil, "nothing"},
		"a pod that waits for a VM":           {[]fact{anAttempt(0, 1)}, "nothing"},
		"one replica":                         {[]fact{ready("vm-0"), soldIn("us-east1-b", "SPOT"), trained}, "20.000000 of 60.000000, 5m0s ago"},
		"two":                                 {[]fact{peers(25 * time.Minute), soldIn("us-east1-b", "SPOT")}, "40.000000 of 120.000000, 5m0s ago"},
		"on an on-demand VM":                  {[]fact{ready("vm-0"), soldIn("us-east1-b", "STANDARD"), trained}, "60.000000 of 60.000000, 5m0s ago"},
		"where there is no price":             {[]fact{ready("vm-0"), soldIn("us-south1-b", "SPOT"), trained}, "0.000000 of 0.000000, 5m0s ago, 0.333333 hours more"},
		"on a Node that the pool did not buy": {[]fact{trained}, "nothing"},
		"what was reckoned stays":             {[]fact{ready("vm-0"), soldIn("us-east1-b", "SPOT"), trained, spent("7", "21", 9*time.Minute)}, "7 of 21, 9m0s ago"},
		"until the VM was gone":               {[]fact{gone, soldIn("us-east1-b", "SPOT"), trained}, "20.000000 of 60.000000, 5m0s ago"},
		"on its way out it still costs":       {[]fact{one(v1alpha1.InstanceStopping, 6*time.Minute), soldIn("us-east1-b", "SPOT"), trained}, "20.000000 of 60.000000, 5m0s ago"},
		"until the pod ended":                 {[]fact{ready("vm-0"), soldIn("us-east1-b", "SPOT"), anAttempt(0, 1, completedOn("vm-0", 25*time.Minute, 3*time.Minute))}, "22.000000 of 66.000000, 3m0s ago"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := observe(given(append([]fact{replicas(2)}, c.given...)...).request(t), noon)
			require.NoError(t, err)
			o.prices = pricesOf(t, "180", "60")
			account := decide(o).spent
			if account == nil {
				assert.Equal(t, c.want, "nothing")
				return
			}
			got := account.SpentUSD + " of " + account.OnDemandUSD + ", " + noon.Sub(account.AsOf.Time).String() + " ago"
			if account.UnpricedHours != "" {
				got += ", " + account.UnpricedHours + " hours more"
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// Nothing wakes a job that runs quietly but the next step of its account.
func TestAccountWakesTheJob(t *testing.T) {
	o, err := observe(given(replicas(2), peers(25*time.Minute), soldIn("us-east1-b", "SPOT")).request(t), noon)
	require.NoError(t, err)
	assert.Equal(t, 5*time.Minute, decide(o).resync, "a checkpoint is due")
	o.prices = pricesOf(t, "180", "60")
	o.job.Status.Cost = &v1alpha1.CostStatus{AsOf: metav1.Time{Time: ago(7 * time.Minute)}}
	assert.Equal(t, 3*time.Minute, decide(o).resync)
}

func TestCheaperOnDemand(t *testing.T) {
	east := zones("us-east1-b")
	model := func(m v1alpha1.ProvisioningModel) fact { return func(w *world) { w.pool.Spec.ProvisioningModel = m } }
	for name, c := range map[string]struct {
		given          []fact
		onDemand, spot string
		warns          bool
	}{
		"two of half the price":            {[]fact{east}, "2", "1", false},
		"two of a bit more":                {[]fact{east}, "2", "1.01", true},
		"one of less":                      {[]fact{east, replicas(1)}, "2", "1.9", false},
		"three of a third":                 {[]fact{east, replicas(3)}, "3", "1", false},
		"four of a third":                  {[]fact{east, replicas(4)}, "3", "1", true},
		"the cheapest zone counts":         {[]fact{zones("us-west1-a", "us-east1-b")}, "2", "1", false},
		"each where it is cheapest":        {[]fact{zones("us-east1-b", "us-west1-a")}, "2", "1.5", true},
		"a zone without a price":           {[]fact{zones("us-east1-b", "us-south1-a")}, "2", "1.5", false},
		"no spot price":                    {[]fact{east}, "2", "", false},
		"a pool of on-demand VMs":          {[]fact{east, model(v1alpha1.ProvisioningStandard)}, "2", "1.5", false},
		"on-demand VMs only stand in":      {[]fact{east, model(v1alpha1.ProvisioningSpotWithStandardFallback)}, "2", "1.5", true},
		"no pool":                          {[]fact{noPool}, "2", "1.5", false},
		"a job that cannot be run":         {[]fact{east, templateWith(`"completionMode":"Indexed",`)}, "2", "1.5", false},
		"a job that is over costs nothing": {[]fact{east, one(v1alpha1.InstanceReady, time.Hour), anAttempt(0, 1, completedOn("vm-0", time.Hour, time.Minute))}, "2", "1.5", false},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := observe(given(append([]fact{replicas(2)}, c.given...)...).request(t), noon)
			require.NoError(t, err)
			o.prices = pricesOf(t, c.onDemand, c.spot)
			var kinds []string
			for _, holding := range decide(o).conditions {
				kinds = append(kinds, holding.kind)
			}
			assert.Equal(t, c.warns, strings.Contains(strings.Join(kinds, " "), v1alpha1.ConditionCheaperOnDemand), kinds)
		})
	}
}
