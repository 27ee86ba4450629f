package sim

// judgeLosses is the law losses-add-up: each loss is listed once, and those that are listed cost no more than all.
func (l *Laws) judgeLosses(v *view) {
	type key struct{ replica, attempt int32 }
	sum, seen := int64(0), map[key]bool{}
	for _, loss := range v.status.RecentLosses {
		k := key{loss.Replica, loss.Attempt}
		if seen[k] {
			l.violate("losses-add-up", "%s: replica %d lost attempt %d twice", v.Parent, loss.Replica, loss.Attempt)
		}
		seen[k] = true
		sum += secondsIn(loss.LostSeconds)
		if loss.LostSeconds != nil && v.job.Spec.SavesItself() {
			l.violate("losses-add-up", "%s: replica %d saves itself, and status knows what it lost", v.Parent, loss.Replica)
		}
	}
	if sum > secondsIn(v.status.LostSeconds) || len(seen) > int(v.status.Preemptions) {
		l.violate("losses-add-up", "%s: %d s in %d losses are more than lostSeconds %d in %d", v.Parent, sum, len(seen), secondsIn(v.status.LostSeconds), v.status.Preemptions)
	}
}

func secondsIn(lost *int64) int64 {
	if lost == nil {
		return 0
	}
	return *lost
}
