package main

import (
	"fmt"
	"math"
	"slices"
)

// measurements are values by row and metric, in the order in which they were taken.
type measurements map[string]map[string][]float64

func (m measurements) add(row, metric string, value float64) {
	if m[row] == nil {
		m[row] = map[string][]float64{}
	}
	m[row][metric] = append(m[row][metric], value)
}

// percentile is the smallest of the values that at least p percent of them do not exceed (nearest rank); p from 0 to 100.
// It is NaN without values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// spread is a range of seconds, and its median where there are enough values for one.
func spread(values []float64) string {
	low, high := percentile(values, 0), percentile(values, 100)
	text := fmt.Sprintf("%.1f–%.1f", low, high)
	if fmt.Sprintf("%.1f", low) == fmt.Sprintf("%.1f", high) {
		text = fmt.Sprintf("%.1f", low)
	}
	if len(values) > 3 {
		text += fmt.Sprintf(" (median %.1f)", percentile(values, 50))
	}
	return text
}

// precise is a range of short times, to the hundredth of a second.
func precise(values []float64) string {
	return fmt.Sprintf("%.2f–%.2f", percentile(values, 0), percentile(values, 100))
}

// tail is the median, the 99th percentile and the most of times, in seconds.
func tail(values []float64) string {
	return fmt.Sprintf("p50 %.2f, p99 %.2f, max %.2f", percentile(values, 50), percentile(values, 99), percentile(values, 100))
}

// count is a range of whole numbers.
func count(values []float64) string {
	low, high := percentile(values, 0), percentile(values, 100)
	if low == high {
		return fmt.Sprintf("%.0f", low)
	}
	return fmt.Sprintf("%.0f–%.0f", low, high)
}

// share is how many of the values are not zero.
func share(values []float64) string {
	hits := 0
	for _, v := range values {
		if v != 0 {
			hits++
		}
	}
	return fmt.Sprintf("%d of %d", hits, len(values))
}
