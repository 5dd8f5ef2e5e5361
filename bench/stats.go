//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// number is the type of values that have a median.
type number interface {
	cmp.Ordered
	~int64 | ~float64
}

// median returns the middle of the values, the upper one where there are two; 0 of none. It sorts them.
func median[N number](values []N) N { return quantile(values, 0.5) }

// quantile returns the value that the given share of the values lies below, or 0 of none. It sorts them.
func quantile[N number](values []N, share float64) N {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, int(float64(len(values))*share))]
}

// over returns one figure of each result.
func over[R any](results []R, figure func(R) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = figure(r)
	}
	return values
}

// spread formats the median of the values, and their range where there are several.
func spread(values []float64) string {
	m := median(values)
	if len(values) < 2 {
		return figure(m)
	}
	return fmt.Sprintf("%s (%s–%s)", figure(m), figure(values[0]), figure(values[len(values)-1]))
}

// figure formats a number with three significant digits and commas between thousands.
func figure(v float64) string {
	switch {
	case v < 0:
		return "-" + figure(-v)
	case v == 0:
		return "0"
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	unit := int64(1)
	for v/float64(unit) >= 10_000 {
		unit *= 10
	}
	digits := strconv.FormatInt(int64(v/float64(unit)+0.5)*unit, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
