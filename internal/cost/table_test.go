package cost_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/cost"
)

const header = "region,machine_type,on_demand_usd_h,spot_usd_h\n"

func parse(t *testing.T, rows string) *cost.Table {
	t.Helper()
	table, err := cost.Parse("prices.csv", strings.NewReader(header+rows))
	require.NoError(t, err)
	return table
}

func TestPriceOfAVM(t *testing.T) {
	table := parse(t, "us-central1,g2-standard-8,0.85,0.48\nus-central1,n1-standard-4, 0.19 ,0.04\nus-central1,nvidia-tesla-t4,0.35,0.11\nus-east1,a4x-highgpu-4g,60,\nus-central1,custom-8-53248,0.40,0.10\nus-central1,n1-custom-2-8192,0.10,0.02\n")
	t4 := func(n int64) cost.VM {
		return cost.VM{Zone: "us-central1-a", MachineType: "n1-standard-4", Accelerator: "nvidia-tesla-t4", Accelerators: n}
	}
	custom, full := t4(2), t4(0)
	custom.MachineType = "n1-custom-8-53248" // as GCE may call it
	full.MachineType, full.Accelerator = "custom-2-8192", ""
	p100 := t4(1)
	p100.Accelerator = "nvidia-tesla-p100"
	for name, c := range map[string]struct {
		vm             cost.VM
		onDemand, spot float64
		missing        string // of the price as spot
	}{
		"GPUs built in":                        {cost.VM{Zone: "us-central1-b", MachineType: "g2-standard-8"}, 0.85, 0.48, ""},
		"another region":                       {cost.VM{Zone: "us-east1-b", MachineType: "g2-standard-8"}, 0, 0, "g2-standard-8 in us-east1"},
		"one GPU attached":                     {t4(1), 0.54, 0.15, ""},
		"four of them":                         {t4(4), 1.59, 0.48, ""},
		"custom, with its series in one place": {custom, 1.10, 0.32, ""},
		"custom, with its series in the other": {full, 0.10, 0.02, ""},
		"a GPU without a price":                {p100, 0, 0, "nvidia-tesla-p100 in us-central1"},
		"not sold as spot":                     {cost.VM{Zone: "us-east1-b", MachineType: "a4x-highgpu-4g"}, 60, 0, "a4x-highgpu-4g in us-east1"},
	} {
		t.Run(name, func(t *testing.T) {
			price := table.Of(c.vm)
			assert.InDelta(t, c.onDemand, price.OnDemand, 1e-9)
			assert.InDelta(t, c.spot, price.Of(true), 1e-9)
			assert.Equal(t, c.missing, table.Missing(c.vm, true))
		})
	}
	assert.Empty(t, table.Missing(cost.VM{Zone: "us-east1-b", MachineType: "a4x-highgpu-4g"}, false), "on demand it has a price")
	var none *cost.Table
	assert.Zero(t, none.Of(t4(1)))
}

func TestVMOfAPool(t *testing.T) {
	pool := v1alpha1.SpotInstanceVMSpec{GPU: &v1alpha1.GPUConfig{Type: "nvidia-tesla-t4", Count: 2}, GCP: v1alpha1.GCPConfig{MachineType: "n1-standard-4"}}
	assert.Equal(t, cost.VM{Zone: "z", MachineType: "n1-standard-4", Accelerator: "nvidia-tesla-t4", Accelerators: 2}, cost.VMOf(pool, "z", ""))
	assert.Equal(t, cost.VM{Zone: "z", MachineType: "g2-standard-4"}, cost.VMOf(pool, "z", "g2-standard-4"), "its GPUs are part of it")
	custom := cost.VM{Zone: "z", MachineType: "custom-8-53248", Accelerator: "nvidia-tesla-t4", Accelerators: 2}
	assert.Equal(t, custom, cost.VMOf(pool, "z", "custom-8-53248"), "it is an n1")
}

func TestTableThatCannotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "prices.csv:1: the file is empty: its first line names the columns, such as region,machine_type,on_demand_usd_h,spot_usd_h",
		"region,machine_type\n":          "prices.csv:1: column on_demand_usd_h: there is no such column: the file has region, machine_type",
		header + "us-east1,g2,many,1\n":  `prices.csv:2: column on_demand_usd_h: "many" is no price: write USD per hour, such as 6.33, or nothing`,
		header + "us-east1,g2,1,-1\n":    `prices.csv:2: column spot_usd_h: "-1" is no price: write USD per hour, such as 6.33, or nothing`,
		header + "us-east1,g2,Inf,NaN\n": `prices.csv:2: column on_demand_usd_h: "Inf" is no price: write USD per hour, such as 6.33, or nothing`,
		header + ",g2,1,1\n":             "prices.csv:2: column region: there is none: write one, such as us-central1",
		header + "us-east1,,1,1\n":       "prices.csv:2: column machine_type: there is none: write one, such as g2-standard-4",
		header + "us-east1,g2,1\n":       "prices.csv:2: column 3 is the last and the header names 4: give each line one value for each column",
		header + "us-east1,custom-2-8192,1,1\nus-east1,n1-custom-2-8192,2,2\n": "prices.csv:3: column machine_type: n1-custom-2-8192 in us-east1 has a line already: remove one of them",
		header + "us-east1,g2,1,1\nus-east1,g2,2,2\n":                          "prices.csv:3: column machine_type: g2 in us-east1 has a line already: remove one of them",
	} {
		_, err := cost.Parse("prices.csv", strings.NewReader(text))
		assert.EqualError(t, err, want)
	}
}

// A file of a ConfigMap comes, changes, breaks and goes while the hooks run.
func TestFile(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "prices.csv"), noon
	file := cost.NewFile(path, func() time.Time { return now })
	price := func() float64 {
		table, err := file.Table()
		require.NoError(t, err)
		return table.Of(cost.VM{Zone: "us-east1-b", MachineType: "g2"}).Spot
	}
	write := func(rows string) {
		require.NoError(t, os.WriteFile(path, []byte(header+rows), 0o600))
	}
	assert.Zero(t, price(), "no file yet")
	write("us-east1,g2,2,1\n")
	assert.Zero(t, price(), "it is not looked at again at once")
	now = now.Add(time.Minute)
	assert.InDelta(t, 1, price(), 0)

	write("us-east1,g2,2,much\n")
	now = now.Add(time.Minute)
	table, err := file.Table()
	require.ErrorContains(t, err, "prices.csv:2: column spot_usd_h")
	assert.InDelta(t, 1, table.Of(cost.VM{Zone: "us-east1-b", MachineType: "g2"}).Spot, 0, "what it was before")

	write("us-east1,g2,2,1.5\n")
	now = now.Add(time.Minute)
	assert.InDelta(t, 1.5, price(), 0)
	require.NoError(t, os.Remove(path))
	now = now.Add(time.Minute)
	assert.Zero(t, price())

	table, err = cost.NewFile("", time.Now).Table()
	require.NoError(t, err)
	assert.Nil(t, table)
}
