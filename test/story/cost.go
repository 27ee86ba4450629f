package story

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Prices is the price table of a world with these zones, by the story's names. An hour is dear, so that stories cost
// something: 3,600 USD on demand, a quarter of that as spot, and two thirds in region w.
func Prices(zones map[string]string) string {
	rows := map[string]bool{}
	for short, zone := range zones {
		spot := 900
		if short == "w" {
			spot = 2400
		}
		for _, machine := range []string{"g2-standard-4", "g2-standard-48", "n1-standard-8", "nvidia-tesla-t4"} {
			rows[fmt.Sprintf("%s,%s,3600,%d", zone[:strings.LastIndex(zone, "-")], machine, spot)] = true
		}
	}
	header := "region,machine_type,on_demand_usd_h,spot_usd_h"
	return strings.Join(append([]string{header}, slices.Sorted(maps.Keys(rows))...), "\n") + "\n"
}

// cost is `cost job|pool NAME`.
func (v viewer) cost() (string, error) {
	if len(v.c.Args) != 2 {
		return "", errors.New("write cost job NAME, or cost pool NAME")
	}
	now, name := v.Now(), v.c.Args[1]
	var account *v1alpha1.CostStatus
	if job := now.Job(name); v.c.Args[0] == "job" && job != nil {
		account = job.Status.Cost
	}
	if pool := now.Pool(name); v.c.Args[0] == "pool" && pool != nil {
		account = pool.Status.Cost
	}
	if account == nil {
		return "nothing", nil
	}
	paid, err := share(account)
	if err == nil && account.UnpricedHours != "" {
		paid += ", and some hours at no known price"
	}
	return paid, err
}

func share(account *v1alpha1.CostStatus) (string, error) {
	spent, err := strconv.ParseFloat(account.SpentUSD, 64)
	onDemand, alsoErr := strconv.ParseFloat(account.OnDemandUSD, 64)
	if err = errors.Join(err, alsoErr); err != nil {
		return "", fmt.Errorf("status.cost: %w", err)
	}
	if onDemand == 0 {
		return "nothing", nil
	}
	return fmt.Sprintf("%.0f %% of the price on demand", 100*spent/onDemand), nil
}
