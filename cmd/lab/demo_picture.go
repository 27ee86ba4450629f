package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/test/realnode"
)

// The places of things in the picture of the demo on real nodes, in pixels.
const (
	curveWidth  = 1000
	curveLeft   = 70
	curveRight  = 960
	curveHeight = 240
)

// picture is an SVG of two parts: the loss by steps, with and without preemptions, and the steps by time.
func (c curves) picture() string {
	p := &picture{}
	p.text(28, 36, style{size: 20, bold: true}, "A training that lost its nodes, and one that nobody disturbed")
	p.text(28, 58, style{size: 13, colour: faintColour}, "Real kubelets, containerd and CRIU: containers are frozen, pushed and restored on other nodes. Each dashed line is a VM that is preempted.")
	c.lossBySteps(p, 90)
	c.stepsByTime(p, 90+curveHeight+90)
	height := 90 + 2*curveHeight + 90 + 60
	return fmt.Sprintf("<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' font-family='Helvetica, Arial, sans-serif'>\n"+
		"<rect width='100%%' height='100%%' fill='white'/>\n%s</svg>\n", curveWidth, height, curveWidth, height, p.svg.String())
}

// scale maps values to pixels.
func scale(value, most, from, to float64) float64 { return from + (to-from)*value/most }

// lossBySteps draws the undisturbed curve broad and pale, and over it that of the training, attempt by attempt.
func (c curves) lossBySteps(p *picture, top float64) {
	bottom, steps := top+curveHeight, float64(len(c.undisturbed))
	least, most := math.Log(lossOf(c.undisturbed[len(c.undisturbed)-1])), math.Log(lossOf(c.undisturbed[0]))
	at := func(step realnode.Step) (x, y float64) {
		return scale(float64(step.Number), steps, curveLeft, curveRight), scale(math.Log(lossOf(step))-least, most-least, bottom-10, top)
	}
	axes(p, top, "log loss", fmt.Sprintf("step, 1 to %d", len(c.undisturbed)))
	p.polyline(c.undisturbed, at, "#f2c38f", 9)
	for i, attempt := range c.attempts {
		p.polyline(attempt.steps, at, lineColours()[i%len(lineColours())], 2)
	}
	for _, l := range c.losses {
		x := scale(l.trained.Seconds()/realnode.StepTime.Seconds(), steps, curveLeft, curveRight)
		p.line(x, top, x, bottom, "stroke='"+lostColour+"' stroke-dasharray='4 3'")
	}
	p.text(curveRight, top-8, style{anchor: "end"}, "broad: undisturbed; thin: preempted, one colour for each attempt; they are equal at every step")
}

// stepsByTime draws how far each attempt was, and when: it begins where its checkpoint was made.
func (c curves) stepsByTime(p *picture, top float64) {
	first, last := c.span()
	bottom, steps := top+curveHeight, float64(len(c.undisturbed))
	at := func(step realnode.Step) (x, y float64) {
		return scale(step.At.Sub(first).Seconds(), last.Sub(first).Seconds(), curveLeft, curveRight), scale(float64(step.Number), steps, bottom, top)
	}
	axes(p, top, "step", fmt.Sprintf("time, %.0f s", last.Sub(first).Seconds()))
	for i, attempt := range c.attempts {
		p.polyline(attempt.steps, at, lineColours()[i%len(lineColours())], 3)
	}
	for i, l := range c.losses {
		x := scale(l.at.Sub(first).Seconds(), last.Sub(first).Seconds(), curveLeft, curveRight)
		p.line(x, top, x, bottom, "stroke='"+lostColour+"' stroke-dasharray='4 3'")
		p.text(x+3, top+float64(12+14*(i%2)), style{size: 11, colour: lostColour}, "replica "+l.replica)
	}
}

func (c curves) span() (first, last time.Time) {
	for _, attempt := range c.attempts {
		for _, step := range attempt.steps {
			if first.IsZero() || step.At.Before(first) {
				first = step.At
			}
			if step.At.After(last) {
				last = step.At
			}
		}
	}
	return first, last
}

func lossOf(step realnode.Step) float64 {
	loss, _ := strconv.ParseFloat(step.Loss, 64) // the program prints numbers
	return loss
}

func axes(p *picture, top float64, vertical, horizontal string) {
	bottom := top + curveHeight
	p.line(curveLeft, bottom, curveRight, bottom, "stroke='"+inkColour+"'")
	p.line(curveLeft, top, curveLeft, bottom, "stroke='"+inkColour+"'")
	p.text(curveLeft-12, top-8, style{size: 13, anchor: "middle"}, vertical)
	p.text(curveRight-130, bottom+22, style{size: 13}, horizontal)
}

// polyline joins steps where at puts them.
func (p *picture) polyline(steps []realnode.Step, at func(realnode.Step) (x, y float64), colour string, width float64) {
	var points []string
	for _, step := range steps {
		x, y := at(step)
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	fmt.Fprintf(&p.svg, "<polyline fill='none' stroke='%s' stroke-width='%g' stroke-linejoin='round' points='%s'/>\n", colour, width, strings.Join(points, " "))
}
