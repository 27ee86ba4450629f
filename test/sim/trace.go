package sim

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/csvtable"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// Trace is how many VMs fit into some zones over time.
type Trace struct {
	Zones []string
	Rows  []TraceRow // in order of time; the first is at 0
}

// TraceRow holds from its time on, until the next.
type TraceRow struct {
	At       time.Duration // since the first row
	Capacity []int         // VMs, by index of Trace.Zones
}

// Columns of a trace that are no zones.
const (
	columnTime   = "scheduled_at"
	columnStatus = "status"
	columnTook   = "round_duration_s"
)

// ReadTrace reads a CSV file: the column scheduled_at (RFC 3339, ascending), and one column for each zone with how many VMs
// could be created there at that time. Rows whose column status, if there is one, is not success are left out. Without
// zones it reads all that the file has. Errors name the file, the line, the column and the remedy.
func ReadTrace(name string, from io.Reader, zones []string) (Trace, error) {
	t, err := csvtable.New(name, from, append([]string{columnTime}, zones...)...)
	if err != nil {
		return Trace{}, err
	}
	trace := Trace{Zones: slices.Clone(zones)}
	if len(zones) == 0 {
		trace.Zones = slices.DeleteFunc(t.Columns(), isNoZone)
	}
	for _, zone := range trace.Zones {
		if gce.ValidateZone(zone) != nil {
			return Trace{}, t.Wrong(zone, "this is no zone: name the column after one, such as us-central1-a, or choose others with --zones")
		}
	}
	if err := trace.readRows(t); err != nil {
		return Trace{}, err
	}
	if len(trace.Zones) == 0 || len(trace.Rows) < 2 {
		return Trace{}, t.Wrong(columnTime, "%d rows of %d zones are no trace: give two rows or more, of one zone or more", len(trace.Rows), len(trace.Zones))
	}
	return trace, nil
}

func isNoZone(column string) bool {
	return column == columnTime || column == columnStatus || column == columnTook
}

func (trace *Trace) readRows(t *csvtable.Table) error {
	var first, last time.Time
	for {
		more, err := t.Next()
		if err != nil || !more {
			return err
		}
		if status := t.Value(columnStatus); status != "" && status != "success" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, t.Value(columnTime))
		switch {
		case err != nil:
			return t.Wrong(columnTime, "%q is no time: write it as 2025-10-03T17:10:00-07:00", t.Value(columnTime))
		case first.IsZero():
			first = at
		case !at.After(last):
			return t.Wrong(columnTime, "%s is not after the row before it: sort the rows by time", t.Value(columnTime))
		}
		last = at
		row := TraceRow{At: at.Sub(first)}
		for _, zone := range trace.Zones {
			n, err := strconv.Atoi(strings.TrimSpace(t.Value(zone)))
			if err != nil || n < 0 {
				return t.Wrong(zone, "%q is no whole number from 0: write how many VMs fit into the zone", t.Value(zone))
			}
			row.Capacity = append(row.Capacity, n)
		}
		trace.Rows = append(trace.Rows, row)
	}
}

// Lasts is the time from the first row to the end of the last, which is taken to be as long as the one before it.
func (trace Trace) Lasts() time.Duration {
	last := len(trace.Rows) - 1
	return 2*trace.Rows[last].At - trace.Rows[last-1].At
}

// ZonesOf are the zones whose names begin so.
func (trace Trace) ZonesOf(prefix string) []string {
	return slices.DeleteFunc(slices.Clone(trace.Zones), func(zone string) bool { return !strings.HasPrefix(zone, prefix) })
}

// Even is the trace without its gaps: each row holds for as long as the shortest does, rounded to seconds. Nobody knows what
// a longer one stands for.
func (trace Trace) Even() Trace {
	step := trace.Lasts()
	for i, row := range trace.Rows[1:] {
		step = min(step, row.At-trace.Rows[i].At)
	}
	even := Trace{Zones: trace.Zones, Rows: slices.Clone(trace.Rows)}
	for i := range even.Rows {
		even.Rows[i].At = time.Duration(i) * step.Round(time.Second)
	}
	return even
}

// Capacity is the number of VMs that fit into a zone at a time since the first row. After its end a trace begins anew.
func (trace Trace) Capacity(zone string, at time.Duration) int {
	column := slices.Index(trace.Zones, zone)
	at %= trace.Lasts()
	row, found := slices.BinarySearchFunc(trace.Rows, at, func(r TraceRow, at time.Duration) int { return int(r.At - at) })
	if !found {
		row--
	}
	return trace.Rows[row].Capacity[column]
}

// Available is the share of the first d in which at least so many VMs fit into the zones together.
func (trace Trace) Available(zones []string, vms int, d time.Duration) float64 {
	var has time.Duration
	for at := time.Duration(0); at < d; at += time.Minute {
		sum := 0
		for _, zone := range zones {
			sum += trace.Capacity(zone, at)
		}
		if sum >= vms {
			has += time.Minute
		}
	}
	return min(1, float64(has)/float64(d))
}
