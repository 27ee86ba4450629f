package sim

import "fmt"

// misfit is a job whose pod asks for what few Nodes have, or none. Users apply it, and delete it again.
const misfit = "misfit"

// apart are the things that keep pods from VMs that are there, with their rates. Half of all worlds have them. They have a chance of
// their own, so that the other half is what it was before there were any.
var apart = []happening{
	{2, func(e *explorer) { e.do("cordon", e.aReplica(), e.lasting("2m", "10m", "40m")) }},
	{3, func(e *explorer) {
		e.do("cordon", e.aReplica(), map[string]string{"drain": "yes", "for": pick(e, []string{"2m", "10m", "40m"})})
	}},
	{3, func(e *explorer) { e.disturb("lose-gpus", "5m", "40m") }},
	{3, func(e *explorer) { e.disturb("reject", "2m", "10m", "40m") }},
	{3, func(e *explorer) {
		e.do("stranger", nil, e.lasting("5m", "40m"))
		e.do("evict", e.aReplica(), nil)
	}},
	{4, func(e *explorer) { e.do("suspend-child", e.aReplica(), e.lasting("5s", "2m", "20m", "40m")) }},
	{3, func(e *explorer) {
		e.do("quota", []string{pick(e, []string{"jobs", "pods", "pods"}), fmt.Sprint(e.chance.IntN(4))}, e.lasting("30s", "5m", "20m"))
	}},
	{3, func(e *explorer) {
		e.do("job", []string{misfit}, map[string]string{
			"pool": pick(e, e.pools), "replicas": fmt.Sprint(1 + e.chance.IntN(2)), "work": "30m",
			"selector": pick(e, []string{"example.com/disk:ssd", "topology.kubernetes.io/zone:us-central1-b"}),
		})
	}},
	{1, func(e *explorer) { e.do("delete", []string{"job", misfit}, nil) }},
}

// disturb lets something befall the Node that a replica is on, and in two of three cases evicts the replica.
func (e *explorer) disturb(command string, durations ...string) {
	replica := e.aReplica()
	e.do(command, replica, e.lasting(durations...))
	if e.chance.IntN(3) > 0 {
		e.do("evict", replica, nil)
	}
}

// keepApart lets one of these things happen, in one of three cases.
func (e *explorer) keepApart() {
	if e.apart == nil || e.apart.IntN(3) > 0 {
		return
	}
	e.chance, e.apart = e.apart, e.chance
	e.oneOf(apart)
	e.chance, e.apart = e.apart, e.chance
}
