package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/test/sim"
)

// replayed is one row of the table.
type replayed struct {
	name string
	hold func() (sim.Held, error)
	held sim.Held
}

// replay has one VM wanted all the time while zones have the capacity that a trace says, by a pool in some sets of zones
// and by somebody who asks the same zone again and again. It prints the table to out.
func replay(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lab replay", flag.ContinueOnError)
	file := flags.String("trace", "", "CSV `file` with the capacity of zones over time: scheduled_at, then a column for each zone; without it a week is made up")
	seed := flags.Uint64("seed", 1, "of all chance: the same seed gives the same figures")
	var sets [][]string
	flags.Func("zones", "`zones` of a pool, separated by commas, the preferred one first; give it again for another pool (default us-west1-b, us-central1-a to c, all US zones)",
		func(zones string) error {
			sets = append(sets, strings.Split(zones, ","))
			return nil
		})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("lab replay does not know %q", flags.Args())
	}
	trace, err := traceToReplay(*file, *seed)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		sets = [][]string{{"us-west1-b"}, {"us-central1-a", "us-central1-b", "us-central1-c"}, trace.ZonesOf("us-")}
	}
	if err := checkSets(sets, trace); err != nil {
		return err
	}
	c := sim.Replay(trace, *seed)
	rows := rowsOf(c, sets)
	if err := holdAll(ctx, rows); err != nil {
		return err
	}
	source := cmp.Or(*file, fmt.Sprintf("a trace made up from seed %d", *seed))
	fmt.Fprintf(out, "%d rows of %s from %s; one VM wanted\n\n%s", len(c.Trace.Rows), short(c.Trace.Rows[1].At), source, replayTable(rows))
	return nil
}

func traceToReplay(file string, seed uint64) (sim.Trace, error) {
	if file == "" {
		return sim.SynthesizeUS(seed, 7*24*time.Hour), nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return sim.Trace{}, fmt.Errorf("--trace: %w", err)
	}
	return sim.ReadTrace(file, bytes.NewReader(content), nil)
}

// checkSets refuses zones that the trace does not have.
func checkSets(sets [][]string, trace sim.Trace) error {
	var wrong []error
	for _, zone := range slices.Concat(sets...) {
		if gce.ValidateZone(zone) != nil || !slices.Contains(trace.Zones, zone) {
			wrong = append(wrong, fmt.Errorf("--zones: the trace has no zone %q: choose among %s", zone, strings.Join(trace.Zones, ",")))
		}
	}
	return errors.Join(wrong...)
}

// rowsOf are the pools in their order, then each zone of theirs once.
func rowsOf(c sim.Circumstances, sets [][]string) []*replayed {
	var rows []*replayed
	for _, zones := range sets {
		rows = append(rows, &replayed{name: "pool in " + strings.Join(zones, ", "), hold: func() (sim.Held, error) { return sim.Hold(c, zones) }})
	}
	zones := slices.Concat(sets...)
	slices.Sort(zones)
	for _, zone := range slices.Compact(zones) {
		rows = append(rows, &replayed{name: "same zone again: " + zone, hold: func() (sim.Held, error) { return sim.HoldSameZone(c, zone), nil }})
	}
	return rows
}

// holdAll fills the rows, each in a world of its own, on all cores.
func holdAll(ctx context.Context, rows []*replayed) error {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // worlds are small and make much garbage
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for _, row := range rows {
		all.Go(func() (err error) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			row.held, err = row.hold()
			return err
		})
	}
	return all.Wait()
}

// replayTable is all figures in Markdown.
func replayTable(rows []*replayed) string {
	var out strings.Builder
	out.WriteString("| who | ideal | ready | of the ideal | losses | inserts | failed |\n")
	out.WriteString("|---|--:|--:|--:|--:|--:|--:|\n")
	for _, row := range rows {
		h := row.held
		share := func(d time.Duration) float64 { return 100 * d.Seconds() / h.Lasted.Seconds() }
		fmt.Fprintf(&out, "| %s | %.1f %% | %.1f %% | %.1f %% | %d | %d | %d |\n",
			row.name, share(h.Ideal), share(h.Ready), 100*h.OfIdeal(), h.Losses, h.Inserts, h.Failed)
	}
	return out.String()
}
