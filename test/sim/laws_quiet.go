package sim

import (
	"slices"
	"time"
)

// What a parent may be asked in a minute while nothing happens: a pool that boots is asked every other second, one that
// drains every second. While the hook is shown what has passed, it asks again every 0.2 s for what it has written.
const (
	callsAMinute       = 150
	callsAMinuteBehind = 700
	callsPerChange     = 3
)

// What the status of one parent may be written in ten minutes while nothing else happens: each deadline of a VM or an
// attempt is one or two writes.
const writesWhileQuiet = 20

// quietPast is what a parent did lately.
type quietPast struct {
	calls  []callAt
	writes []time.Time // of status, since anything else happened
	moves  int         // at the last of them
}

type callAt struct {
	at    time.Time
	moves int
}

// judgeHaste is the law no-hot-loop: a hook is not asked about one parent more often than what happens explains.
func (l *Laws) judgeHaste(v *view) {
	past, now := &l.past(v).quiet, v.At
	past.calls = append(past.calls, callAt{now, l.changes + l.vms})
	old := slices.IndexFunc(past.calls, func(c callAt) bool { return now.Sub(c.at) < time.Minute })
	past.calls = past.calls[old:]
	most := callsAMinute + callsPerChange*(l.changes+l.vms-past.calls[0].moves)
	if l.ear.lately(time.Minute, behind()...) {
		most += callsAMinuteBehind
	}
	if len(past.calls) > most {
		l.violate("no-hot-loop", "%s was asked %d times in a minute", v.Parent, len(past.calls))
	}
}

// seeWrites is the law quiet-worlds-are-silent: status does not go on changing while nothing else does. A sync that starts
// before Metacontroller has seen the last one's status remembers other moments than that one, and may write them over it;
// the law is lenient while such syncs are provoked.
func (l *Laws) seeWrites(c Change) {
	l.changes++
	if c.Old == nil || c.New == nil || !isStatusOnly(c) {
		l.moves++
		return
	}
	past := &l.pastOf(c.New.Object.GetUID()).quiet
	now, moves := l.world.Clock.Now(), l.moves+l.vms+l.world.Counts.Total()
	if moves != past.moves || l.ear.lately(time.Minute, behind()...) {
		past.moves, past.writes = moves, nil
	}
	past.writes = append(past.writes, now)
	old := slices.IndexFunc(past.writes, func(at time.Time) bool { return now.Sub(at) < 10*time.Minute })
	past.writes = past.writes[old:]
	if len(past.writes) > writesWhileQuiet {
		l.violate("quiet-worlds-are-silent", "the status of %s was written %d times in ten minutes while nothing else happened", c.New.Key, len(past.writes))
	}
}

// isStatusOnly tells whether nothing but a parent's status has changed.
func isStatusOnly(c Change) bool {
	if c.New.Kind != "SpotInstanceJob" && c.New.Kind != "SpotInstanceVM" {
		return false
	}
	old, next := c.Old.Object, c.New.Object
	return old.GetGeneration() == next.GetGeneration() && len(old.GetFinalizers()) == len(next.GetFinalizers())
}
