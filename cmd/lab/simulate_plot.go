package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The colours of the picture. Those of lines can be told apart by those who do not see all colours.
const (
	inkColour      = "#1f2933"
	faintColour    = "#7b8794"
	gridColour     = "#e4e7eb"
	progressColour = "#2f6fab"
	lostColour     = "#e07b39"
	stalledColour  = "#d9dee4"
)

func lineColours() []string {
	return []string{"#2f6fab", "#d1495b", "#2e8b57", "#8e5ea2", "#c98a00", "#4a5568"}
}

// The places of things in the picture, in pixels.
const (
	pictureWidth = 1270
	plotLeft     = 236 // of bars, lines and strips
	plotRight    = 836
	rowHeight    = 24
	linesHeight  = 270
	stripHeight  = 16
)

func (c comparison) writePlot() error {
	if c.plot == "" {
		return nil
	}
	all := c.figures()
	return os.WriteFile(c.plot, []byte(c.picture(all)), 0o600)
}

// picture is an SVG of three parts, one below the other: where the time of each policy went, how progress grew, and
// which zones had capacity.
func (c comparison) picture(all []figures) string {
	p := &picture{}
	p.text(28, 40, style{size: 21, bold: true}, fmt.Sprintf("What %g days on spot VMs give one training job", c.days))
	p.text(28, 62, style{size: 13, colour: faintColour}, c.subtitle())
	y := p.bars(100, all)
	y = p.lines(y+64, c, all)
	y = p.strips(y+56, c)
	p.text(28, y+30, style{size: 11, colour: faintColour}, "Simulated with the operator's own hooks, lab simulate; see docs/benchmarks.md for what is assumed.")
	height := int(y) + 50
	return fmt.Sprintf("<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' font-family='Helvetica, Arial, sans-serif'>\n"+
		"<rect width='100%%' height='100%%' fill='white'/>\n%s</svg>\n", pictureWidth, height, pictureWidth, height, p.svg.String())
}

func (c comparison) subtitle() string {
	source := "capacity " + c.source()
	if c.trace != "" {
		source = "capacity from " + filepath.Base(c.trace)
	}
	return fmt.Sprintf("%s · as asked: %s, checkpoints %s that take %d s and freeze for %d, boot %d s · %s",
		source, plural(c.replicas, "replica"), pace(c.interval), c.checkpoint, c.freeze, c.boot, strings.Join(c.zones, ", "))
}

// picture is an SVG that is being drawn.
type picture struct{ svg strings.Builder }

// style is how text looks. The zero style is that of most.
type style struct {
	anchor string  // start, middle or end; empty: start
	size   float64 // 0: 12
	colour string  // empty: inkColour
	bold   bool
}

// text writes with its baseline at y.
func (p *picture) text(x, y float64, s style, text string) {
	weight := ""
	if s.bold {
		weight = " font-weight='600'"
	}
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	fmt.Fprintf(&p.svg, "<text x='%.1f' y='%.1f' text-anchor='%s' font-size='%g' fill='%s'%s>%s</text>\n",
		x, y, cmp.Or(s.anchor, "start"), cmp.Or(s.size, 12), cmp.Or(s.colour, inkColour), weight, escaped)
}

func (p *picture) rect(x, y, width, height float64, colour string) {
	if width > 0 {
		fmt.Fprintf(&p.svg, "<rect x='%.2f' y='%.1f' width='%.2f' height='%.1f' fill='%s'/>\n", x, y, width, height, colour)
	}
}

func (p *picture) line(x1, y1, x2, y2 float64, style string) {
	fmt.Fprintf(&p.svg, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' %s/>\n", x1, y1, x2, y2, style)
}

// heading is the title of a part.
func (p *picture) heading(y float64, text string) {
	p.text(28, y, style{size: 14, bold: true}, text)
}

// legend says what colours mean, at the right end of a heading.
func (p *picture) legend(y float64, all []level) {
	x := float64(plotRight)
	for _, l := range slices.Backward(all) {
		x -= 34 + 6.2*float64(len(l.name))
		p.rect(x+14, y-10, 11, 11, l.colour)
		p.text(x+30, y, style{}, l.name)
	}
}

// bars draws where the time of each policy went, and what it cost. It returns where it ends.
func (p *picture) bars(y float64, all []figures) float64 {
	p.heading(y, "Where the time went")
	p.legend(y, []level{{name: "progress", colour: progressColour}, {name: "lost work", colour: lostColour}, {name: "stalled", colour: stalledColour}})
	columns := []float64{904, 974, 1042, 1092, 1166, 1246}
	for i, name := range []string{"goodput", "VM hours", "preempted", "USD", "per useful h", "of on-demand"} {
		p.text(columns[i], y, style{anchor: "end", size: 11, colour: faintColour}, name)
	}
	y += 12
	for _, f := range all {
		middle := y + rowHeight/2 + 4
		p.text(plotLeft-10, middle, style{anchor: "end"}, f.Policy)
		p.bar(y+3, f)
		usd, per, of := f.money()
		for i, cell := range []string{fmt.Sprintf("%.1f %%", 100*f.Goodput), fmt.Sprintf("%.0f", f.VMHours), fmt.Sprint(f.Preemptions), usd, per, of} {
			p.text(columns[i], middle, style{anchor: "end"}, cell)
		}
		y += rowHeight
	}
	return y
}

func (p *picture) bar(y float64, f figures) {
	x, whole := float64(plotLeft), f.ProgressHours+f.LostHours+f.StalledHours
	for i, hours := range []float64{f.ProgressHours, f.LostHours, f.StalledHours} {
		width := hours / whole * (plotRight - plotLeft)
		p.rect(x, y, width, rowHeight-6, []string{progressColour, lostColour, stalledColour}[i])
		x += width
	}
}
