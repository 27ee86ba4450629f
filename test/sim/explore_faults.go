package sim

import (
	"fmt"
	"time"
)

// happening is one thing that may happen, and how often it does compared to the others.
type happening struct {
	rate int
	do   func(*explorer)
}

// something lets one thing happen.
func (e *explorer) something() { e.oneOf(happenings) }

func (e *explorer) oneOf(happenings []happening) {
	all := 0
	for _, h := range happenings {
		all += h.rate
	}
	at := e.chance.IntN(all)
	for _, h := range happenings {
		if at -= h.rate; at < 0 {
			h.do(e)
			return
		}
	}
}

// happenings are the faults and the users' whims, with their rates.
var happenings = []happening{
	// VMs.
	{20, func(e *explorer) { e.do("preempt", e.aReplica(), e.maybe("notice", "none")) }},
	{5, func(e *explorer) { e.do("preempt-zone", e.aZone(), nil) }},
	{3, func(e *explorer) { e.do("crash", e.aReplica(), nil) }},
	{2, func(e *explorer) { e.do("stop", e.aReplica(), nil) }},
	{2, func(e *explorer) { e.do("delete-vm", e.aReplica(), nil) }},
	{8, func(e *explorer) {
		e.do("capacity", append(e.aZone(), pick(e, []string{"0", "0", "1", "2", "20"})), nil)
	}},
	{3, func(e *explorer) {
		e.do("boots", []string{pick(e, []string{"never", "slow", "without-gpus", "without-node-agent", "without-node-agent", "without-restore"})}, map[string]string{"n": pick(e, []string{"1", "2"})})
	}},
	{3, func(e *explorer) { e.do("linger", nil, map[string]string{"for": pick(e, []string{"2m", "10m"})}) }},
	// Pods.
	{3, func(e *explorer) { e.do("partition", e.aReplica(), e.lasting("30s", "2m", "10m")) }},
	{2, func(e *explorer) {
		e.do("silence", nil, map[string]string{"every": pick(e, []string{"1", "2", "3"}), "for": pick(e, []string{"70s", "2m", "5m"})})
	}},
	{2, func(e *explorer) {
		e.do("overload", nil, map[string]string{"from": pick(e, []string{"1", "3"}), "for": pick(e, []string{"2m", "5m"})})
	}},
	{3, func(e *explorer) { e.do("evict", e.aReplica(), nil) }},
	{3, func(e *explorer) { e.do("exit", e.aReplica(), map[string]string{"code": "1"}) }},
	// The checkpoint agent and its images.
	{6, func(e *explorer) {
		e.do("agent", []string{pick(e, []string{"hangs", "fails", "stalls", "forgets", "breaks-images", "absent"})}, e.lasting("2m", "10m", "40m"))
	}},
	{2, func(e *explorer) { e.do("break-image", e.aJob(), nil) }},
	{1, func(e *explorer) { e.do("remove-image", e.aJob(), nil) }},
	// GCE.
	{12, func(e *explorer) { e.gce() }},
	{3, func(e *explorer) { e.do("gce", []string{"list", "late"}, e.lasting("2m", "10m", "40m")) }},
	{5, func(e *explorer) { e.refuse() }},
	// The API server, Metacontroller and the hooks.
	{2, func(e *explorer) { e.do("api", []string{"down"}, e.lasting("5s", "30s", "2m")) }},
	{5, func(e *explorer) {
		e.do("stale-cache", []string{pick(e, cached)}, map[string]string{"delay": pick(e, []string{"1s", "5s", "20s"}), "for": pick(e, []string{"1m", "5m"})})
	}},
	{3, func(e *explorer) {
		e.do("slow-writes", nil, map[string]string{"delay": pick(e, []string{"1s", "5s"}), "for": pick(e, []string{"1m", "5m"})})
	}},
	{2, func(e *explorer) { e.do("duplicate-syncs", nil, e.lasting("1m", "5m")) }},
	{2, func(e *explorer) { e.do("resync-wave", nil, nil) }},
	{3, func(e *explorer) {
		e.do("restart-metacontroller", nil, map[string]string{"down": pick(e, []string{"5s", "1m"})})
	}},
	{6, func(e *explorer) {
		e.do("crash-hooks", nil, map[string]string{"after": fmt.Sprint(1 + e.chance.IntN(3))})
	}},
	{2, func(e *explorer) { e.do("stop-hooks", nil, e.lasting("10s", "1m")) }},
	{3, func(e *explorer) { e.do("two-hook-servers", nil, e.lasting("1m", "10m")) }},
	{2, func(e *explorer) {
		e.do("skew-hooks", nil, map[string]string{"by": pick(e, []string{"-30s", "-5s", "5s", "30s"}), "for": pick(e, []string{"2m", "20m"})})
	}},
	{3, func(e *explorer) { e.do("rollback", []string{pick(e, append(e.jobNames(), e.pools...))}, nil) }},
	// Users.
	{3, func(e *explorer) {
		e.do("scale", e.aJob(), map[string]string{"replicas": fmt.Sprint(1 + e.chance.IntN(3))})
	}},
	{3, func(e *explorer) { e.do("suspend", e.aJob(), nil) }},
	{6, func(e *explorer) { e.do("resume", e.aJob(), nil) }},
	{2, func(e *explorer) { e.do("delete-child", e.aReplica(), nil) }},
	{2, func(e *explorer) { e.do("delete-backup", e.aJob(), nil) }},
	{2, func(e *explorer) { e.do("delete-secret", nil, e.lasting("30s", "5m")) }},
	{2, func(e *explorer) {
		e.do("edit-pool", []string{pick(e, e.pools)}, map[string]string{"idle": pick(e, []string{"1m", "10m"})})
	}},
	{1, func(e *explorer) { e.again() }},
}

// gce lets calls to GCE go wrong.
func (e *explorer) gce() {
	faults := map[string][]string{
		"insert":     {"lose", "refuse-unavailable", "rate-limit", "hang", "delay", "duplicate", "fail-operation", "stockout-now", "refuse", "denied"},
		"delete":     {"lose", "refuse-unavailable", "rate-limit", "hang", "delay", "not-ready"},
		"list":       {"refuse-unavailable", "rate-limit", "hang", "partial", "denied"},
		"operations": {"refuse-unavailable", "rate-limit", "hang"},
		"list-all":   {"refuse-unavailable", "hang", "partial"},
		"get":        {"refuse-unavailable", "hang", "lose"},
	}
	method := pick(e, []string{"insert", "insert", "insert", "delete", "list", "operations", "list-all", "get"})
	options := map[string]string{"n": fmt.Sprint(1 + e.chance.IntN(3))}
	if e.chance.IntN(3) == 0 {
		options = e.lasting("30s", "2m", "10m")
	}
	e.do("gce", []string{method, pick(e, faults[method])}, options)
}

// refuse lets one zone say no to whatever is asked of it, always in the same way; or all zones, for what is wrong with the spec.
func (e *explorer) refuse() {
	options := e.lasting("2m", "10m", "40m") // a zone is blocked for an hour more
	options["zone"] = e.aZone()[0]
	options["as"] = pick(e, waysOf(faultRefuse))
	if e.chance.IntN(4) == 0 {
		delete(options, "zone")
	}
	e.do("gce", []string{"insert", faultRefuse}, options)
}

// again deletes a job or a pool, and applies one of the same name.
func (e *explorer) again() {
	at := e.chance.IntN(len(e.jobs) + len(e.pools))
	for _, c := range e.told[setUpFirst : setUpFirst+len(e.jobs)+len(e.pools)] {
		if at--; at < 0 {
			e.do("delete", []string{c.Name, c.Args[0]}, nil)
			e.advance(pickDuration(e))
			e.do(c.Name, c.Args, c.Options)
			return
		}
	}
}

func pickDuration(e *explorer) time.Duration {
	return pick(e, []time.Duration{time.Second, 20 * time.Second, 10 * time.Minute})
}

func (e *explorer) aReplica() []string {
	job := pick(e, e.jobs)
	return []string{fmt.Sprintf("%s/%d", job.name, e.chance.IntN(job.replicas))}
}

func (e *explorer) aJob() []string { return []string{pick(e, e.jobs).name} }

func (e *explorer) aZone() []string { return []string{pick(e, []string{"a", "b", "c", "w"})} }

func (e *explorer) jobNames() []string {
	var names []string
	for _, job := range e.jobs {
		names = append(names, job.name)
	}
	return names
}

func (e *explorer) lasting(durations ...string) map[string]string {
	return map[string]string{"for": pick(e, durations)}
}

// maybe sets an option in half of the cases.
func (e *explorer) maybe(option, value string) map[string]string {
	if e.chance.IntN(2) == 0 {
		return nil
	}
	return map[string]string{option: value}
}
