package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// figures are what is told of one policy.
type figures struct {
	Policy         string             `json:"policy"`
	Goodput        float64            `json:"goodput"` // progress by time passed, 0 to 1
	ProgressHours  float64            `json:"progressHours"`
	LostHours      float64            `json:"lostHours"`
	StalledHours   float64            `json:"stalledHours"`
	VMHours        float64            `json:"vmHours"`
	VMHoursByZone  map[string]float64 `json:"vmHoursByZone,omitempty"`
	Preemptions    int                `json:"preemptions"`
	Checkpoints    int                `json:"checkpoints"` // that completed
	VMsAskedFor    int                `json:"vmsAskedFor"`
	USD            float64            `json:"usd,omitempty"`            // 0: no prices
	USDPerProgress float64            `json:"usdPerProgress,omitempty"` // for an hour of progress; 0: no prices, or no progress
	OfOnDemand     float64            `json:"ofOnDemand,omitempty"`     // the same by what an hour of an on-demand VM costs
	ProgressByTime [][2]float64       `json:"progressByTime,omitempty"` // hours: time passed, progress
}

// figures of all policies, and of one on-demand VM if its price is known.
func (c comparison) figures() []figures {
	var all []figures
	for _, o := range c.outcomes {
		f := figuresOf(o)
		if c.prices != nil {
			f.price(c.spot(o.Billed), c.onDemand())
		}
		all = append(all, f)
	}
	if c.prices != nil {
		hours := c.circumstances.Lasts.Hours()
		f := figures{Policy: "one on-demand VM", Goodput: 1, ProgressHours: hours, VMHours: hours}
		f.price(hours*c.onDemand(), c.onDemand())
		all = append(all, f)
	}
	return all
}

func figuresOf(o sim.Outcome) figures {
	f := figures{
		Policy: o.Name, Goodput: o.Goodput(), ProgressHours: o.Progress.Hours(), LostHours: o.Lost.Hours(), StalledHours: o.Stalled.Hours(),
		VMHours: o.VMTime().Hours(), VMHoursByZone: map[string]float64{},
		Preemptions: o.Preemptions, Checkpoints: o.Checkpoints, VMsAskedFor: o.Inserts,
	}
	for zone, d := range o.Billed {
		f.VMHoursByZone[zone] = d.Hours()
	}
	for i, progress := range o.Curve {
		f.ProgressByTime = append(f.ProgressByTime, [2]float64{o.Times[i].Hours(), progress.Hours()})
	}
	return f
}

// price sets what it cost.
func (f *figures) price(usd, onDemand float64) {
	f.USD = usd
	if f.ProgressHours > 0 {
		f.USDPerProgress = usd / f.ProgressHours
		f.OfOnDemand = f.USDPerProgress / onDemand
	}
}

// table is all figures in Markdown.
func (c comparison) table() string {
	all := c.figures()
	var out strings.Builder
	fmt.Fprintf(&out, "%g days; capacity %s; asked: %s, checkpoints: %s, %s; a checkpoint takes %d s and holds the training up for %d s, a boot %d s; seed %d\n\n",
		c.days, c.source(), plural(c.replicas, "replica"), pace(c.interval), strings.Join(c.zones, ", "), c.checkpoint, c.freeze, c.boot, c.seed)
	out.WriteString("| policy | goodput | progress | lost work | stalled | VM hours | USD | USD per hour of progress | of on-demand | preemptions | checkpoints |\n")
	out.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range all {
		usd, per, of := f.money()
		fmt.Fprintf(&out, "| %s | %.1f %% | %.1f h | %.1f h | %.1f h | %.1f | %s | %s | %s | %d | %d |\n",
			f.Policy, 100*f.Goodput, f.ProgressHours, f.LostHours, f.StalledHours, f.VMHours, usd, per, of, f.Preemptions, f.Checkpoints)
	}
	return out.String()
}

// money is what it cost, as far as it is known.
func (f figures) money() (usd, perProgress, ofOnDemand string) {
	switch {
	case f.USD == 0:
		return "–", "–", "–"
	case f.USDPerProgress == 0:
		return fmt.Sprintf("%.0f", f.USD), "–", "–"
	}
	return fmt.Sprintf("%.0f", f.USD), fmt.Sprintf("%.2f", f.USDPerProgress), fmt.Sprintf("%.0f %%", 100*f.OfOnDemand)
}

func (c comparison) writeJSON() error {
	if c.json == "" {
		return nil
	}
	all := c.figures()
	content, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	return os.WriteFile(c.json, append(content, '\n'), 0o600)
}

func inSeconds(n int) time.Duration { return time.Duration(n) * time.Second }
