package story

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Scene is what a world offers to the commands that only look.
type Scene interface {
	Place() Place
	// Now is what can be seen now.
	Now() Snapshot
	// Past is all that happened since the story began, for each object in the order in which it happened.
	Past() []Change
	// Content is how much training is in an image, whether whatever starts from it fails, and whether it can be pulled.
	Content(image string) (progress time.Duration, broken, found bool)
	// Await lets time pass until check returns nil. The error is the check's last, once the world's patience is over.
	Await(check func() error) error
	// Throughout lets d pass, and returns the first error of check.
	Throughout(d time.Duration, check func() error) error
}

// errNotOurs is about a command that does more than look.
var errNotOurs = errors.New("no command that only looks")

// Looks are the names of the commands that Look performs.
func Looks() []string { return slices.Sorted(maps.Keys(looks())) }

// Look performs a command that only looks:
//
//	wait WHAT ...        until it is so: see checkOf
//	stays D WHAT ...     it is so throughout D
//	status job|pool NAME what its status tells, without times and hashes
//	message job|pool NAME CONDITION
//	left                 how many things exist
//	cost job|pool NAME   what was paid for VMs so far, compared to their price on demand
//	order A B ...        these milestones were reached first in this order
//	never A ...          these milestones were not reached
//	count A              how often a milestone was reached
//	turns JOB            how the replicas' checkpoints took turns
//	restored JOB/N       what the replica's newest attempt started from, compared to what it could have
func Look(at Scene, c Command) (string, error) {
	look := looks()[c.Name]
	if look == nil {
		return "", errNotOurs
	}
	return look(viewer{at, c})
}

// viewer performs one command that only looks.
type viewer struct {
	Scene
	c Command
}

func looks() map[string]func(viewer) (string, error) {
	return map[string]func(viewer) (string, error){
		"wait": viewer.wait, "stays": viewer.stays, "status": viewer.status, "message": viewer.message, "left": viewer.left, "cost": viewer.cost,
		"order": viewer.order, "never": viewer.never, "count": viewer.count, "turns": viewer.turns, "restored": viewer.restored,
	}
}

func (v viewer) wait() (string, error) {
	check, err := v.checkOf(v.c.Args)
	if err != nil {
		return "", err
	}
	return "", v.Await(check)
}

func (v viewer) stays() (string, error) {
	if len(v.c.Args) == 0 {
		return "", errors.New("write for example stays 5s job resnet active=2")
	}
	d, err := time.ParseDuration(v.c.Args[0])
	if err != nil {
		return "", fmt.Errorf("%s is no duration: write for example stays 5s job resnet active=2", v.c.Args[0])
	}
	check, err := v.checkOf(v.c.Args[1:])
	if err != nil {
		return "", err
	}
	return "", v.Throughout(d, check)
}

func (v viewer) order() (string, error) {
	told := v.milestones()
	var last Milestone
	for _, name := range v.c.Args {
		next, reached := first(told, name)
		if !reached {
			return "", fmt.Errorf("%s never happened; what did: %s", name, names(told))
		}
		if last.Name != "" && !last.before(next) {
			return "", fmt.Errorf("%s happened before %s; in all: %s", next.Name, last.Name, names(told))
		}
		last = next
	}
	return "", nil
}

func (v viewer) never() (string, error) {
	told := v.milestones()
	for _, name := range v.c.Args {
		if count(told, name) > 0 {
			return "", fmt.Errorf("%s happened; in all: %s", name, names(told))
		}
	}
	return "", nil
}

func (v viewer) count() (string, error) {
	if len(v.c.Args) != 1 {
		return "", errors.New("name one milestone")
	}
	return fmt.Sprint(count(v.milestones(), v.c.Args[0])), nil
}

func names(told []Milestone) string {
	var all []string
	for _, m := range told {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}
