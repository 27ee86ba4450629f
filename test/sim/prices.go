package sim

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prices are those of one machine type, by region.
type Prices map[string]Price

// Price is in USD for one VM and hour.
type Price struct{ OnDemand, Spot float64 }

// ReadPrices reads a CSV file with the columns region, machine_type, on_demand_usd_h and spot_usd_h, and keeps the rows of
// a machine type. Errors name the file, the line, the column and the remedy.
func ReadPrices(name string, from io.Reader, machineType string) (Prices, error) {
	t, err := newTable(name, from, "region", "machine_type", "on_demand_usd_h", "spot_usd_h")
	if err != nil {
		return nil, err
	}
	prices := Prices{}
	for {
		more, err := t.next()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if t.value("machine_type") != machineType {
			continue
		}
		onDemand, wrong := t.price("on_demand_usd_h")
		spot, alsoWrong := t.price("spot_usd_h")
		if err := cmp.Or(wrong, alsoWrong); err != nil {
			return nil, err
		}
		prices[t.value("region")] = Price{OnDemand: onDemand, Spot: spot}
	}
	if len(prices) == 0 {
		return nil, t.wrong("machine_type", "no line up to here is about %q: choose another with --machine-type", machineType)
	}
	return prices, nil
}

// price is a value of this row that is a price.
func (t *table) price(column string) (float64, error) {
	usd, err := strconv.ParseFloat(strings.TrimSpace(t.value(column)), 64)
	if err != nil || !(usd > 0) || math.IsInf(usd, 0) {
		return 0, t.wrong(column, "%q is no price: write USD per hour, such as 6.33", t.value(column))
	}
	return usd, nil
}

// Of is the price in a zone.
func (p Prices) Of(zone string) (Price, error) {
	price, known := p[region(zone)]
	if !known {
		return Price{}, fmt.Errorf("no price for region %s: the file has %s; add a line for it", region(zone), strings.Join(slices.Sorted(maps.Keys(p)), ", "))
	}
	return price, nil
}

func region(zone string) string { return zone[:max(strings.LastIndex(zone, "-"), 0)] }

// Spot is what spot VMs cost that were billed for so long in each zone, in USD.
func (p Prices) Spot(billed map[string]time.Duration) (float64, error) {
	sum := 0.0
	for _, zone := range slices.Sorted(maps.Keys(billed)) {
		price, err := p.Of(zone)
		if err != nil {
			return 0, err
		}
		sum += price.Spot * billed[zone].Hours()
	}
	return sum, nil
}

// OnDemand is the lowest price of an on-demand VM in any of these zones, in USD per hour.
func (p Prices) OnDemand(zones []string) (float64, error) {
	lowest := math.Inf(1)
	for _, zone := range zones {
		price, err := p.Of(zone)
		if err != nil {
			return 0, err
		}
		lowest = min(lowest, price.OnDemand)
	}
	return lowest, nil
}
