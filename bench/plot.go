//go:build linux

package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

type point struct{ x, y float64 }

// line is one product's curve.
type line struct {
	name   string
	points []point
}

// Measures of a plot, in SVG's pixels.
const (
	plotWidth, plotHeight = 720, 400
	plotLeft, plotRight   = 80, 150
	plotTop, plotBottom   = 50, 50
)

// colours can be told apart with any colour vision, on white and on black (after Okabe and Ito).
var colours = []string{"#0a8f6c", "#d55e00", "#4f8fd0"}

// plot draws the lines on two logarithmic axes, as an SVG that follows the reader's light or dark scheme.
func plot(title string, lines []line) string {
	x, y := axisOver(lines, func(p point) float64 { return p.x }), axisOver(lines, func(p point) float64 { return p.y })
	atX := func(v float64) float64 { return plotLeft + x.at(v)*(plotWidth-plotLeft-plotRight) }
	atY := func(v float64) float64 { return plotHeight - plotBottom - y.at(v)*(plotHeight-plotTop-plotBottom) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`+"\n",
		plotWidth, plotHeight, html.EscapeString(title))
	b.WriteString(`<style>
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600 }
.paper { fill: #fff }
.grid { stroke: #888; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .paper { fill: #14171a } }
</style>
`)
	fmt.Fprintf(&b, `<rect class="paper" width="%d" height="%d"/>`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="28">%s</text>`+"\n", plotLeft, html.EscapeString(title))
	for _, v := range y.ticks() {
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			plotLeft, atY(v), plotWidth-plotRight, plotLeft-8, atY(v)+4, short(v))
	}
	for _, p := range lines[0].points {
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dV%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n",
			atX(p.x), plotTop, plotHeight-plotBottom, atX(p.x), plotHeight-plotBottom+20, short(p.x))
	}
	labels := spreadLabels(lines, atY)
	for i, l := range lines {
		colour := colours[i%len(colours)]
		var path strings.Builder
		for j, p := range l.points {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(j, 1)], atX(p.x), atY(p.y))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s, %s: %s</title></circle>`+"\n",
				atX(p.x), atY(p.y), colour, html.EscapeString(l.name), figure(p.x), figure(p.y))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2.5"/>`+"\n", path.String(), colour)
		last := l.points[len(l.points)-1]
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" style="fill:%s;font-weight:600">%s</text>`+"\n",
			atX(last.x)+10, labels[i], colour, html.EscapeString(l.name))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// spreadLabels returns the heights of the lines' names, each beside its line's end, or lower where two would overlap.
func spreadLabels(lines []line, atY func(float64) float64) []float64 {
	const apart = 16
	at, downwards := make([]float64, len(lines)), make([]int, len(lines))
	for i, l := range lines {
		at[i], downwards[i] = atY(l.points[len(l.points)-1].y)+4, i
	}
	slices.SortFunc(downwards, func(i, j int) int { return cmp.Compare(at[i], at[j]) })
	for n := 1; n < len(downwards); n++ {
		i, above := downwards[n], downwards[n-1]
		at[i] = max(at[i], at[above]+apart)
	}
	return at
}

// axis is a logarithmic one, from low to high.
type axis struct{ low, high float64 }

// axisOver takes all values, and powers of ten about them.
func axisOver(lines []line, of func(point) float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.points {
			low, high = min(low, of(p)), max(high, of(p))
		}
	}
	a := axis{math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))}
	if a.low == a.high {
		a.high *= 10
	}
	return a
}

// at returns the position of a value on the axis, from 0 to 1.
func (a axis) at(v float64) float64 { return math.Log(v/a.low) / math.Log(a.high/a.low) }

func (a axis) ticks() (ticks []float64) {
	for v := a.low; v <= a.high*1.001; v *= 10 {
		ticks = append(ticks, v)
	}
	return ticks
}

// short formats a tick's label.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
