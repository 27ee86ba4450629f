package spotinstancevm_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// sells gives the hook a table of prices, and a trouble with the newest one if there is any.
func (w *world) sells(trouble error, rows ...string) {
	table, err := cost.Parse("prices.csv", strings.NewReader("region,machine_type,on_demand_usd_h,spot_usd_h\n"+strings.Join(rows, "\n")+"\n"))
	require.NoError(w, err)
	w.prices = func() (*cost.Table, error) { return table, trouble }
	w.restart()
}

// paid is what status tells, in USD.
func (w *world) paid() (spent, onDemand float64) {
	w.Helper()
	require.NotNil(w, w.pool.Status.Cost)
	spent, err := strconv.ParseFloat(w.pool.Status.Cost.SpentUSD, 64)
	require.NoError(w, err)
	onDemand, err = strconv.ParseFloat(w.pool.Status.Cost.OnDemandUSD, 64)
	require.NoError(w, err)
	return spent, onDemand
}

// A VM of this machine type with its GPU costs 0.15 USD an hour as spot and 0.54 on demand.
var pricesOfT4 = []string{"us-central1,n1-standard-4,0.19,0.04", "us-central1,nvidia-tesla-t4,0.35,0.11"}

// Two VMs of which one is preempted and replaced, then none: what status says is what their lives at GCE came to, though the
// hook was restarted in between and status forgets VMs.
func TestCostOfAPool(t *testing.T) {
	w := newWorld(t)
	w.sells(nil, pricesOfT4...)
	lived, born := 0.0, map[string]time.Time{}
	w.gce.Subscribe(func(e gcefake.Event) {
		switch e.Kind {
		case gcefake.Created:
			born[e.VM.Name] = e.Time
		case gcefake.Gone:
			lived += e.Time.Sub(born[e.VM.Name]).Hours()
		}
	})
	w.sync()
	require.Nil(t, w.pool.Status.Cost, "nothing was bought")
	w.demand(2)
	w.run(2 * time.Hour)
	spent, onDemand := w.paid()
	require.InDelta(t, 2*2*0.15, spent, 0.06)
	require.InDelta(t, onDemand, spent*0.54/0.15, 1e-4)
	w.settled()

	require.NoError(t, w.gce.Preempt(w.vm(0)))
	w.run(time.Hour)
	w.sells(nil, pricesOfT4...) // a new hook server
	w.run(time.Hour)
	w.demand(0)
	w.run(time.Hour)
	require.Empty(t, w.gce.Instances())
	spent, onDemand = w.paid()
	require.Greater(t, lived, 8.0)
	require.InEpsilon(t, lived*0.15, spent, 0.01)
	require.InEpsilon(t, lived*0.54, onDemand, 0.01)
	require.Empty(t, w.pool.Status.Cost.UnpricedHours)
}

func TestWhatIsSaidOfPrices(t *testing.T) {
	w := newWorld(t)
	w.demand(1)
	w.run(time.Hour)
	require.Nil(t, w.pool.Status.Cost, "there are no prices")

	w.sells(nil, pricesOfT4[:1]...)
	w.run(20 * time.Minute)
	lacks := w.condition(v1alpha1.ConditionCostKnown)
	require.Equal(t, v1alpha1.ReasonPriceMissing, lacks.Reason)
	require.Equal(t, "status.cost leaves VMs out, since there is no price of nvidia-tesla-t4 in us-central1: add it to prices.csv in the operator's ConfigMap gce-prices", lacks.Message)
	hours, err := strconv.ParseFloat(w.pool.Status.Cost.UnpricedHours, 64)
	require.NoError(t, err)
	require.Greater(t, hours, 1.0)
	w.settled()

	w.sells(nil, pricesOfT4...)
	w.run(20 * time.Minute)
	require.NotContains(t, w.conditions(), v1alpha1.ConditionCostKnown)
	spent, _ := w.paid()
	require.InDelta(t, 0.15/3, spent, 0.02)

	w.sells(errors.New("prices.csv:2: column spot_usd_h: much"), pricesOfT4...)
	w.run(20 * time.Minute)
	broken := w.condition(v1alpha1.ConditionCostKnown)
	require.Equal(t, v1alpha1.ReasonPricesUnusable, broken.Reason)
	require.Equal(t, "the operator's ConfigMap gce-prices: prices.csv:2: column spot_usd_h: much; until it is mended the prices before count", broken.Message)
	more, _ := w.paid()
	require.Greater(t, more, spent, "it is reckoned on")
}

func (w *world) conditions() []string {
	var kinds []string
	for _, c := range w.pool.Status.Conditions {
		kinds = append(kinds, c.Type)
	}
	return kinds
}
