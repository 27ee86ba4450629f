// Package cost tells what VMs cost, by a table of prices that the user gives: it reads the table, looks prices up, and keeps an
// account of VM hours in a status. It asks nobody for prices, and knows nothing of discounts, disks, networks or licences.
package cost

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/csvtable"
)

// Columns of a table of prices.
const (
	columnRegion   = "region"
	columnMachine  = "machine_type"
	columnOnDemand = "on_demand_usd_h"
	columnSpot     = "spot_usd_h"
)

// Table is what VMs cost by region and machine type, and accelerators that are attached to them by their type. A nil Table
// knows no price.
type Table struct {
	rows map[row]Price
}

type row struct{ region, machine string } // machine: v1alpha1.FullMachineType, or the type of an accelerator

// Price is in USD an hour: of a VM, or of one accelerator. 0 means that the table does not tell.
type Price struct{ OnDemand, Spot float64 }

// Of is what is paid for a VM that is spot or on demand, or 0 unless both that and the price on demand are known.
func (p Price) Of(spot bool) float64 {
	if spot && p.OnDemand > 0 {
		return p.Spot
	}
	return p.OnDemand
}

// VM is what the price of a VM depends on.
type VM struct {
	Zone         string
	MachineType  string
	Accelerator  string // type of what is attached; empty: nothing is, or it is part of the machine type
	Accelerators int64
}

// VMOf is a VM that a pool has, or would have, in a zone. Only to N1 are accelerators attached.
func VMOf(pool v1alpha1.SpotInstanceVMSpec, zone, machineType string) VM {
	vm := VM{Zone: zone, MachineType: cmp.Or(machineType, pool.GCP.MachineType)}
	if pool.GPU != nil && strings.HasPrefix(v1alpha1.FullMachineType(vm.MachineType), "n1-") {
		vm.Accelerator, vm.Accelerators = pool.GPU.Type, int64(pool.GPU.Count)
	}
	return vm
}

// Parse reads a CSV file with the columns region, machine_type, on_demand_usd_h and spot_usd_h; others are left alone. What is
// attached to N1 has rows of its own, with the accelerator type in the column machine_type and the price of one. A price can
// be left out. Errors name the file, the line, the column and the remedy.
func Parse(name string, from io.Reader) (*Table, error) {
	file, err := csvtable.New(name, from, columnRegion, columnMachine, columnOnDemand, columnSpot)
	if err != nil {
		return nil, err
	}
	t := &Table{rows: map[row]Price{}}
	for {
		more, err := file.Next()
		if err != nil {
			return nil, err
		}
		if !more {
			return t, nil
		}
		if err := t.add(file); err != nil {
			return nil, err
		}
	}
}

func (t *Table) add(file *csvtable.Table) error {
	of := row{strings.TrimSpace(file.Value(columnRegion)), v1alpha1.FullMachineType(strings.TrimSpace(file.Value(columnMachine)))}
	switch _, twice := t.rows[of]; {
	case of.region == "":
		return file.Wrong(columnRegion, "there is none: write one, such as us-central1")
	case of.machine == "":
		return file.Wrong(columnMachine, "there is none: write one, such as g2-standard-4")
	case twice:
		return file.Wrong(columnMachine, "%s in %s has a line already: remove one of them", of.machine, of.region)
	}
	onDemand, wrong := usd(file, columnOnDemand)
	spot, alsoWrong := usd(file, columnSpot)
	t.rows[of] = Price{OnDemand: onDemand, Spot: spot}
	return cmp.Or(wrong, alsoWrong)
}

// usd is the price in a column, or 0 if there is none.
func usd(file *csvtable.Table, column string) (float64, error) {
	text := strings.TrimSpace(file.Value(column))
	if text == "" {
		return 0, nil
	}
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price > 0) || math.IsInf(price, 0) {
		return 0, file.Wrong(column, "%q is no price: write USD per hour, such as 6.33, or nothing", text)
	}
	return price, nil
}

// Of is what an hour of a VM costs; a price that lacks a part is 0.
func (t *Table) Of(vm VM) Price {
	if t == nil {
		return Price{}
	}
	region := regionOf(vm.Zone)
	price := t.rows[row{region, v1alpha1.FullMachineType(vm.MachineType)}]
	if vm.Accelerator == "" {
		return price
	}
	each := t.rows[row{region, vm.Accelerator}]
	n := float64(vm.Accelerators)
	return Price{OnDemand: sum(price.OnDemand, n*each.OnDemand), Spot: sum(price.Spot, n*each.Spot)}
}

// sum is 0 if a part of it is not known.
func sum(machine, accelerators float64) float64 {
	if machine == 0 || accelerators == 0 {
		return 0
	}
	return machine + accelerators
}

// Missing names the line that the table lacks, or that lacks a price, to tell what a VM costs; empty: none.
func (t *Table) Missing(vm VM, spot bool) string {
	if t.Of(vm).Of(spot) > 0 {
		return ""
	}
	lacking := vm.MachineType
	if t.Of(VM{Zone: vm.Zone, MachineType: vm.MachineType}).Of(spot) > 0 {
		lacking = vm.Accelerator
	}
	return fmt.Sprintf("%s in %s", lacking, regionOf(vm.Zone))
}

func regionOf(zone string) string { return zone[:max(strings.LastIndex(zone, "-"), 0)] }
