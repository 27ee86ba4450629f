package cost_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func account(spent, onDemand, saved string, asOf time.Time) *v1alpha1.CostStatus {
	return &v1alpha1.CostStatus{SpentUSD: spent, OnDemandUSD: onDemand, SavedUSD: saved, AsOf: metav1.Time{Time: asOf}}
}

// One spot VM costs 1 USD a minute, 3 on demand.
func TestContinue(t *testing.T) {
	table := parse(t, "us-east1,g2,180,60\n")
	vm := cost.VM{Zone: "us-east1-b", MachineType: "g2"}
	open := cost.Run{VM: vm, Spot: true, From: at(0)}
	until := func(run cost.Run, minutes int) cost.Run {
		run.To = at(minutes)
		return run
	}
	onDemand, unpriced := open, open
	onDemand.Spot, unpriced.VM.MachineType = false, "g4"
	unknown := account("0.000000", "0.000000", "0.000000", at(30))
	unknown.UnpricedHours = "0.500000"
	before := account("10.000000", "30.000000", "20.000000", at(10))
	for name, c := range map[string]struct {
		before *v1alpha1.CostStatus
		runs   []cost.Run
		now    time.Time
		want   *v1alpha1.CostStatus
		next   time.Time
	}{
		"nothing ran":                 {now: at(60)},
		"a VM that is only asked for": {runs: []cost.Run{{VM: vm, Spot: true}}, now: at(60)},
		"less than a step":            {runs: []cost.Run{open}, now: at(9), next: at(10)},
		"a step":                      {runs: []cost.Run{open}, now: at(10), want: before, next: at(20)},
		"a step and a bit":            {runs: []cost.Run{open}, now: at(13), want: before, next: at(20)},
		"the next is not due":         {before: before, runs: []cost.Run{open}, now: at(19), want: before, next: at(20)},
		"the next is":                 {before: before, runs: []cost.Run{open}, now: at(20), want: account("20.000000", "60.000000", "40.000000", at(20)), next: at(30)},
		"several at once":             {before: before, runs: []cost.Run{open}, now: at(45), want: account("40.000000", "120.000000", "80.000000", at(40)), next: at(50)},
		"an end counts at once":       {before: before, runs: []cost.Run{until(open, 12)}, now: at(13), want: account("12.000000", "36.000000", "24.000000", at(12))},
		"and once":                    {before: account("12.000000", "36.000000", "24.000000", at(12)), runs: []cost.Run{until(open, 12)}, now: at(90), want: account("12.000000", "36.000000", "24.000000", at(12))},
		"an end before a step":        {before: before, runs: []cost.Run{until(open, 12), open}, now: at(21), want: account("22.000000", "66.000000", "44.000000", at(20)), next: at(30)},
		"an end after a step":         {before: before, runs: []cost.Run{until(open, 22), open}, now: at(23), want: account("34.000000", "102.000000", "68.000000", at(22)), next: at(30)},
		"an end to come":              {before: before, runs: []cost.Run{until(open, 22)}, now: at(13), want: before, next: at(20)},
		"one that comes sooner":       {before: before, runs: []cost.Run{until(open, 17), open}, now: at(13), want: before, next: at(17)},
		"a pause is not counted":      {before: before, runs: []cost.Run{{VM: vm, Spot: true, From: at(55)}}, now: at(60), want: account("15.000000", "45.000000", "30.000000", at(60)), next: at(70)},
		"on demand saves nothing":     {runs: []cost.Run{onDemand}, now: at(10), want: account("30.000000", "30.000000", "0.000000", at(10)), next: at(20)},
		"without a price":             {runs: []cost.Run{until(unpriced, 30)}, now: at(31), want: unknown},
		"a time to come":              {before: account("1.000000", "3.000000", "2.000000", at(90)), runs: []cost.Run{open}, now: at(60), want: account("1.000000", "3.000000", "2.000000", at(90)), next: at(70)},
		"what is no number":           {before: account("much", "-1", "NaN", at(10)), runs: []cost.Run{open}, now: at(20), want: account("10.000000", "30.000000", "20.000000", at(20)), next: at(30)},
	} {
		t.Run(name, func(t *testing.T) {
			got, next := cost.Continue(c.before, table, c.runs, c.now)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.next, next)
			again, _ := cost.Continue(got, table, c.runs, c.now)
			assert.Equal(t, got, again, "asked again")
		})
	}
}

func TestNoTableChangesNothing(t *testing.T) {
	before := account("10.000000", "30.000000", "20.000000", at(10))
	got, next := cost.Continue(before, nil, []cost.Run{{From: at(0)}}, at(60))
	assert.Equal(t, before, got)
	assert.Zero(t, next)
}

// Ten-minute steps at a low price add up: a month of a VM at 11 cents an hour is right to a cent.
func TestAMonthIsExact(t *testing.T) {
	table := parse(t, "us-east1,g2,0.35,0.11\n")
	run := cost.Run{VM: cost.VM{Zone: "us-east1-b", MachineType: "g2"}, Spot: true, From: noon}
	var sum *v1alpha1.CostStatus
	const month = 30 * 24 * time.Hour
	for now := noon; !now.After(noon.Add(month)); now = now.Add(cost.Step) {
		sum, _ = cost.Continue(sum, table, []cost.Run{run}, now)
	}
	require.NotNil(t, sum)
	spent, err := strconv.ParseFloat(sum.SpentUSD, 64)
	require.NoError(t, err)
	assert.InDelta(t, 79.20, spent, 0.01)
	assert.Equal(t, noon.Add(month), sum.AsOf.Time)
}
