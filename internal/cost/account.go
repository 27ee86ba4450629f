package cost

import (
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lehuannhatrang/spot-instance-training-operator/api/v1alpha1"
)

// Step is how often VMs that run are reckoned. A status that moved with each second would be written with each sync, and each
// write is another sync.
const Step = 10 * time.Minute

// Run is the time of one VM that is paid for.
type Run struct {
	VM   VM
	Spot bool
	From time.Time // zero: it is not known to have begun
	To   time.Time // zero: it goes on
}

// sums are those of an account.
type sums struct{ spent, onDemand, unpricedHours float64 }

// Continue is an account that goes on from before, which can be nil, by what is known now: it changes when a run has ended, and
// when Step has passed. Runs may be told again and again: what is before AsOf has been reckoned. Without a table nothing is.
// It changes next by itself, not before that: zero if it does not.
func Continue(before *v1alpha1.CostStatus, table *Table, runs []Run, now time.Time) (account *v1alpha1.CostStatus, next time.Time) {
	total, since := read(before)
	if before == nil {
		since = begin(runs)
	}
	if table == nil || since.IsZero() {
		return before, time.Time{}
	}
	until := due(runs, since, now)
	if slices.ContainsFunc(runs, func(r Run) bool { return r.between(now, now.Add(Step)) > 0 }) {
		next = lastStep(since, now).Add(Step)
	}
	for _, run := range runs { // by another clock an end can be yet to come
		if run.To.After(now) && run.To.Before(next) {
			next = run.To
		}
	}
	if !until.After(since) {
		return before, next
	}
	for _, run := range runs {
		if hours := run.between(since, until).Hours(); hours > 0 {
			total.add(run, table.Of(run.VM), hours)
		}
	}
	return total.write(until), next
}

// begin is the first moment of all runs; zero without any.
func begin(runs []Run) time.Time {
	var first time.Time
	for _, run := range runs {
		if !run.From.IsZero() && (first.IsZero() || run.From.Before(first)) {
			first = run.From
		}
	}
	return first
}

// due is until when runs are to be reckoned: the last end of any, or a whole number of Steps, whatever is later. It hardly
// depends on now, so that to ask again is to get the same answer.
func due(runs []Run, since, now time.Time) time.Time {
	until, steps := since, lastStep(since, now)
	for _, run := range runs {
		if !run.To.After(now) && run.between(since, now) > 0 && run.To.After(until) {
			until = run.To
		}
	}
	if steps.After(until) && slices.ContainsFunc(runs, func(r Run) bool { return r.between(since, steps) > 0 }) {
		until = steps
	}
	return until.Truncate(time.Second)
}

// lastStep is the last whole number of Steps after since that has passed.
func lastStep(since, now time.Time) time.Time { return since.Add(now.Sub(since).Truncate(Step)) }

// between is the part of a run in a span of time.
func (r Run) between(since, now time.Time) time.Duration {
	if r.From.IsZero() {
		return 0
	}
	from, to := r.From, now
	if from.Before(since) {
		from = since
	}
	if !r.To.IsZero() && r.To.Before(to) {
		to = r.To
	}
	return max(0, to.Sub(from))
}

func (s *sums) add(run Run, price Price, hours float64) {
	paid := price.Of(run.Spot)
	if paid == 0 {
		s.unpricedHours += hours
		return
	}
	s.spent += hours * paid
	s.onDemand += hours * price.OnDemand
}

// read takes what is no number for nothing: somebody edited it.
func read(account *v1alpha1.CostStatus) (sums, time.Time) {
	if account == nil {
		return sums{}, time.Time{}
	}
	return sums{number(account.SpentUSD), number(account.OnDemandUSD), number(account.UnpricedHours)}, account.AsOf.UTC()
}

func number(text string) float64 {
	const most = 1e12
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n < most) {
		return 0
	}
	return n
}

func (s sums) write(asOf time.Time) *v1alpha1.CostStatus {
	account := &v1alpha1.CostStatus{
		SpentUSD: decimal(s.spent), OnDemandUSD: decimal(s.onDemand), SavedUSD: decimal(s.onDemand - s.spent),
		AsOf: metav1.Time{Time: asOf},
	}
	if s.unpricedHours > 0 {
		account.UnpricedHours = decimal(s.unpricedHours)
	}
	return account
}

// decimal has six places, so that what is added up every Step for months stays exact to a cent.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', 6, 64) }
