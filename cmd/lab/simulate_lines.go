package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// ending is the label at the end of a line.
type ending struct {
	y            float64
	name, colour string
}

// lines draws how progress grew, of the policies that differ most. It returns where it ends.
func (p *picture) lines(y float64, c comparison, all []figures) float64 {
	p.heading(y, "Progress of the best replica or checkpoint, in days")
	top, whole := y+16, c.circumstances.Lasts.Hours()
	bottom := top + linesHeight
	across := func(hours float64) float64 { return plotLeft + hours/whole*(plotRight-plotLeft) }
	up := func(hours float64) float64 { return bottom - hours/whole*linesHeight }
	for _, day := range ticks(c.days) {
		p.line(plotLeft, up(24*day), plotRight, up(24*day), "stroke='"+gridColour+"'")
		p.text(plotLeft-10, up(24*day)+4, style{anchor: "end", size: 11, colour: faintColour}, fmt.Sprintf("%g", day))
	}
	p.days(bottom+18, c.days)
	p.line(across(0), up(0), across(whole), up(whole), "stroke='"+faintColour+"' stroke-dasharray='3 4'")
	var ends []ending
	for i, f := range slices.Backward(telling(c, all)) { // the first on top
		colour := lineColours()[i]
		p.curve(f, colour, across, up)
		ends = append(ends, ending{up(f.ProgressHours), f.Policy, colour})
	}
	for _, e := range apart(append(ends, ending{up(whole), "never preempted", faintColour})) {
		p.text(plotRight+10, e.y+4, style{colour: e.colour}, e.name)
	}
	return bottom + 24
}

// telling are the figures of the policies whose lines are drawn: the one that was asked for, and those that change more
// than a number.
func telling(c comparison, all []figures) []figures {
	var chosen []figures
	for i, f := range all {
		isNumber := strings.HasPrefix(f.Policy, "every ") || strings.Contains(f.Policy, " replica")
		if i < len(c.outcomes) && !isNumber && len(chosen) < len(lineColours()) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// curve draws the progress of one policy.
func (p *picture) curve(f figures, colour string, across, up func(float64) float64) {
	fmt.Fprintf(&p.svg, "<polyline fill='none' stroke='%s' stroke-width='2' stroke-linejoin='round' points='%.1f,%.1f", colour, across(0), up(0))
	every := max(1, len(f.ProgressByTime)/(plotRight-plotLeft))
	for i, point := range f.ProgressByTime {
		if i%every == 0 || i == len(f.ProgressByTime)-1 {
			fmt.Fprintf(&p.svg, " %.1f,%.1f", across(point[0]), up(point[1]))
		}
	}
	p.svg.WriteString("'/>\n")
}

// apart moves labels so that none covers another, from top to bottom.
func apart(ends []ending) []ending {
	const least = 16
	slices.SortStableFunc(ends, func(a, b ending) int { return int(math.Round(1000 * (a.y - b.y))) })
	highest := math.Inf(-1)
	for i := range ends {
		ends[i].y = max(ends[i].y, highest+least)
		highest = ends[i].y
	}
	return ends
}

// ticks are round numbers of days from 0 to days.
func ticks(days float64) []float64 {
	step := 1.0
	for _, step = range []float64{0.125, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100} {
		if days/step <= 10 {
			break
		}
	}
	var all []float64
	for day := 0.0; day <= days+1e-9; day += step {
		all = append(all, day)
	}
	return all
}

// days writes the scale of time.
func (p *picture) days(y, days float64) {
	for _, day := range ticks(days) {
		label := fmt.Sprintf("%g", day)
		if day == 0 {
			label = "day 0"
		}
		p.text(plotLeft+day/days*(plotRight-plotLeft), y, style{anchor: "middle", size: 11, colour: faintColour}, label)
	}
}

// strips draws the capacity of each zone over time. It returns where it ends.
func (p *picture) strips(y float64, c comparison) float64 {
	p.heading(y, "Spot VMs that fit into each zone")
	p.legend(y, levels())
	y += 14
	for _, zone := range c.zones {
		p.text(plotLeft-10, y+stripHeight-4, style{anchor: "end"}, zone)
		p.strip(y, c, zone)
		available := c.circumstances.Trace.Available([]string{zone}, 1, c.circumstances.Lasts)
		p.text(plotRight+10, y+stripHeight-4, style{colour: faintColour}, fmt.Sprintf("at least one %.1f %% of the time", 100*available))
		y += stripHeight + 5
	}
	p.days(y+12, c.days)
	return y + 16
}

// level is a number of VMs that is drawn in one colour.
type level struct {
	least  int
	name   string
	colour string
}

func levels() []level {
	return []level{{0, "none", "#c0392b"}, {1, "1 to 3", "#f2c14e"}, {4, "4 to 11", "#9ccfa4"}, {12, "12 or more", "#3c8d5a"}}
}

func levelOf(vms int) level {
	all := levels()
	for _, l := range slices.Backward(all) {
		if vms >= l.least {
			return l
		}
	}
	return all[0]
}

// strip draws the capacity of one zone: each level is one path, of a rectangle for each time that it lasts.
func (p *picture) strip(y float64, c comparison, zone string) {
	const width = plotRight - plotLeft
	at := func(x int) time.Duration { return time.Duration(float64(c.circumstances.Lasts) * float64(x) / width) }
	paths := map[string]string{}
	begin, current := 0, levelOf(lowest(c.circumstances.Trace, zone, at(0), at(1)))
	for x := 1; x <= width; x++ {
		next := level{least: -1}
		if x < width {
			next = levelOf(lowest(c.circumstances.Trace, zone, at(x), at(x+1)))
		}
		if next != current {
			paths[current.colour] += fmt.Sprintf("M%d,%.1fh%dv%dh-%dz", plotLeft+begin, y, x-begin, stripHeight, x-begin)
			begin, current = x, next
		}
	}
	for _, l := range levels() {
		fmt.Fprintf(&p.svg, "<path fill='%s' d='%s'/>\n", l.colour, paths[l.colour])
	}
}

// lowest is the least capacity of a zone in a stretch of time, so that a short shortage is seen.
func lowest(trace sim.Trace, zone string, from, to time.Duration) int {
	least := trace.Capacity(zone, from)
	for at := from + time.Minute; at < to; at += time.Minute {
		least = min(least, trace.Capacity(zone, at))
	}
	return least
}
