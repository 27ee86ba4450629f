package main

import (
	"fmt"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }

// summary is the state of the job and its VMs, for a terminal.
func (w *world) summary() []string {
	status := w.job.Status
	if w.job.Name == "" {
		return nil
	}
	last := "none"
	if t := status.LastCheckpointTime; t != nil {
		last = seconds(time.Since(t.Time)) + " ago"
	}
	lines := []string{
		strings.Repeat("-", 78),
		fmt.Sprintf("job %-10s %-10s %d of 2 train   checkpoints %d, last %s   preemptions %d",
			w.job.Name, status.Phase, status.ActiveReplicas, status.Checkpoints, last, status.Preemptions),
	}
	for _, r := range status.JobStatuses {
		trained := "-"
		if pod := w.podOf(fmt.Sprint(r.Replica)); pod != nil {
			trained = seconds(w.lab.Progress(pod))
		}
		lines = append(lines, fmt.Sprintf("  replica %d   attempt %-2d  %-12s trained %-5s %s", r.Replica, r.Attempt, r.Phase, trained, r.NodeName))
	}
	lines = append(lines, fmt.Sprintf("pool %-9s %-12s %d of %d VMs ready", w.pool.Name, w.pool.Status.Phase, w.pool.Status.ReadyReplicas, w.pool.Status.DesiredReplicas))
	for _, name := range sortedKeys(w.vms) {
		lines = append(lines, fmt.Sprintf("  VM %-28s %-16s %s", name, w.vms[name].Zone, w.vms[name].Status))
	}
	return lines
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// table tells, per preemption, how long everything took. Times count from the notice, or from the preemption if there was none. So does what
// is not in the image; status.lostSeconds counts what was trained after the notice as lost, too.
func (w *world) table() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REPLICA\tVM LOST\tNOTICE\tCHECKPOINT OF\tNEW VM\tTRAINS AGAIN\tFROM IMAGE\tUNSAVED")
	for _, l := range w.losses {
		notice, checkpointed := "none", "replica "+l.saviour+", "+since(l.at, l.checkpointed)
		if l.noticed {
			notice = seconds(w.notice)
		}
		if l.alone {
			checkpointed = "nobody left"
		}
		_, tag, _ := strings.Cut(l.image, ":")
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.replica, l.vm, notice, checkpointed,
			since(l.at, l.requested), since(l.at, l.training), tag, seconds(max(0, l.trained-l.restored)))
	}
	_ = t.Flush()
	return out.String()
}

func since(from, to time.Time) string {
	if to.IsZero() {
		return "never"
	}
	return fmt.Sprintf("+%.1fs", to.Sub(from).Seconds())
}
