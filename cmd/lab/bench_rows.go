package main

import (
	"math"
	"slices"
)

// row is one line of the table.
type row struct {
	key        string // of its measurements
	what       string
	beforeRuns string // how often the first operator was measured
	before     string // and what came out
	metrics    []metric
}

// metric is one of the figures in a row.
type metric struct {
	name string
	show func([]float64) string
	// than is the first operator's figure: its median, or the middle of its range. Ours is better if our worst run is.
	than float64
	more bool // is better
}

func (m metric) better(values []float64) bool {
	if m.more {
		return percentile(values, 0) > m.than
	}
	return percentile(values, 100) < m.than
}

var never = math.Inf(1)

// rows are those of the first operator's measurements (revision cca9ac3, on a lab with the same timings), in their order.
// Times are seconds.
func rows() []row {
	return slices.Concat(recoveryRows(), trafficRows(), latencyRows())
}

func recoveryRows() []row {
	return []row{
		{"periodic", "periodic checkpoints with a 1-minute interval, in 8 minutes", "4", "0", []metric{
			{name: "completed", show: count, more: true},
		}},
		{"one", "one of two preempted: CheckpointBackup object (of the survivor)", "7", "0.5–10.1", []metric{
			{name: "object", show: spread, than: 5.3},
		}},
		{"one", "… replacement VM requested", "7", "32.7–42.2 (median 38.0)", []metric{
			{name: "requested", show: spread, than: 38.0},
		}},
		{"one", "… lost replica running from the checkpoint image", "7", "41.0–50.6 (median 46.5), after a template pod was started and killed", []metric{
			{name: "running", show: spread, than: 46.5},
		}},
		{
			"noticed", "… the same with a notice of 120 s: CheckpointBackup object (of the pod itself) / VM requested / running", "–",
			"reads no notice",
			[]metric{
				{name: "object", show: spread, than: never}, {name: "requested", show: spread, than: never}, {name: "running", show: spread, than: never},
			},
		},
		{"slow", "… the same with a 180 s checkpoint: VM requested / running", "1", "204.7 / 213.1", []metric{
			{name: "requested", show: spread, than: 204.7}, {name: "running", show: spread, than: 213.1},
		}},
		{"failing", "… the same when the agent fails every backup: running", "1", "never; a new backup about every 30 s", []metric{
			{name: "running", show: spread, than: never},
		}},
		{
			"again", "the replacement is preempted again: CheckpointBackup object / running from its image", "4",
			"no backup; never back (902–1,083 watched); its new VM idles, billed",
			[]metric{
				{name: "object", show: spread, than: never}, {name: "running", show: spread, than: never},
			},
		},
		{"other", "the other replica is preempted after a recovery: running from the fresh image", "2", "81 and 97, from the old image", []metric{
			{name: "running", show: spread, than: 89},
		}},
		{"both", "both at once: first / second replica running", "6", "5 of 6 (first 46–54, second 82–116)", []metric{
			{name: "first", show: spread, than: 50}, {name: "second", show: spread, than: 99},
		}},
		{"strict", "both at once, strict agent, 60 s checkpoint: first / second replica running", "3", "0 of 3: not one VM in 602", []metric{
			{name: "first", show: spread, than: never}, {name: "second", show: spread, than: never},
		}},
	}
}

// latencyRows have no counterpart: the first operator reads no notice.
func latencyRows() []row {
	latencies := func(key, jobs string) row {
		return row{key, "one notice at a time, " + jobs + ": pod told / CheckpointBackup object / VM requested", "–", "reads no notice", []metric{
			{name: "told", show: tail, than: never}, {name: "object", show: tail, than: never}, {name: "requested", show: tail, than: never},
		}}
	}
	return []row{
		latencies("notices1", "1 job"), latencies("notices10", "10 jobs"), latencies("notices100", "100 jobs"),
		{"overlap", "a VM boots for 120 s and a checkpoint takes 180 s: notice → running from the image of that checkpoint", "–", "reads no notice", []metric{
			{name: "running", show: spread, than: never},
		}},
		{"burst100", "100 jobs, one VM of each gets its notice in the same second: pods told / CheckpointBackup object / all train again", "–", "reads no notice", []metric{
			{name: "told", show: tail, than: never}, {name: "object", show: tail, than: never}, {name: "all train", show: spread, than: never},
		}},
		{"silence1000", "1,000 jobs of one replica, no heartbeat of any Node for 90 s: VMs bought meanwhile / trainings interrupted / all train again", "–", "–", []metric{
			{name: "bought", show: count, than: never}, {name: "interrupted", show: count, than: never}, {name: "all train", show: spread, than: never},
		}},
		{
			"silence1000", "… before it, in each of three minutes at rest: hook calls / CPU seconds of the hooks / of Metacontroller (none: the driver) / writes",
			"–", "–",
			[]metric{
				{name: "calls", show: spread, than: never},
				{name: "hooks", show: spread, than: never},
				{name: "metacontroller", show: spread, than: never},
				{name: "writes", show: spread, than: never},
			},
		},
		{"silence1000", "… and one notice at a time: CheckpointBackup object", "–", "–", []metric{{name: "object", show: spread, than: never}}},
		{"burst100", "… lists of instances in a minute: before / after the burst / after one notice in each of the 10 pools", "–", "–", []metric{
			{name: "lists before", show: count, than: never},
			{name: "lists after", show: count, than: never},
			{name: "lists after one of each pool", show: count, than: never},
		}},
	}
}

func trafficRows() []row {
	return []row{
		{"twenty", "20 replicas: apply → first pod / last pod running", "1", "123.6 / 125.0", []metric{
			{name: "first", show: spread, than: 123.6}, {name: "last", show: spread, than: 125.0},
		}},
		{"twenty", "… most pods of one replica", "1", "2", []metric{{name: "pods", show: count, than: 2}}},
		{"calls", "GCE calls per minute, steady, 2 / 20 VMs", "3 / 1", "12 / 120", []metric{
			{name: "2", show: count, than: 12}, {name: "20", show: count, than: 120},
		}},
		{"writes", "API server writes per minute when nothing happens, 2 / 20 VMs", "3 / 1", "13 / 121", []metric{
			{name: "2", show: count, than: 13}, {name: "20", show: count, than: 121},
		}},
		{"delete", "delete the job, 4 / 20 VMs: all VMs gone", "18", "24 / 121; nothing left", []metric{
			{name: "4", show: spread, than: 24}, {name: "20", show: spread, than: 121},
		}},
		{"delete", "… delete job and pool, 4 / 20 VMs: nothing left", "18", "24 / 121; nothing left", []metric{
			{name: "4 with pool", show: spread, than: 24}, {name: "20 with pool", show: spread, than: 121},
		}},
		{"insert", "delete while a VM is being inserted: leaks a VM or Node", "3", "3 of 3", []metric{
			{name: "leaks", show: share, than: 1},
		}},
	}
}
