package spotinstancevm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Many VMs that are gone at once do not pile up in status: the newest stay, and all that somebody still looks at.
func TestGoneVMsDoNotPileUp(t *testing.T) {
	gone := func(ordinal int, edit ...func(*machine)) machine {
		return vm(ordinal, v1alpha1.InstanceGone, append([]func(*machine){
			joined, because(v1alpha1.VMPreempted), lasting(time.Duration(500-ordinal) * time.Second),
		}, edit...)...)
	}
	names := func(machines []machine) (ordinals []int) {
		for _, m := range prune(facts(machines...), decision{machines: machines}) {
			ordinals = append(ordinals, m.ordinal)
		}
		return ordinals
	}
	span := func(from, to int) (all []int) {
		for i := from; i < to; i++ {
			all = append(all, i)
		}
		return all
	}
	var few, many []machine
	for i := range 100 {
		many = append(many, gone(i))
	}
	few = append(few, many[:15]...)
	assert.Equal(t, span(0, 15), names(few))
	assert.Equal(t, span(79, 100), names(many), "the newest twenty, and the one whose ordinal is the highest")
	many[3], many[4] = gone(3, training), gone(4, withNode(node{}))
	assert.Equal(t, append([]int{3, 4}, span(79, 100)...), names(many), "a pod or a Node is still there")
	for i := range 40 {
		many = append(many, vm(100+i, v1alpha1.InstanceReady, healthy))
	}
	assert.Equal(t, append([]int{3, 4}, span(58, 140)...), names(many), "as many as there are VMs")
}
