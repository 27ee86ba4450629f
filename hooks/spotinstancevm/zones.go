package spotinstancevm

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	readTimeout    = 3 * time.Second  // of one list, and how long a call waits for it
	readAllTimeout = 30 * time.Second // of a list of all zones
	keepListing    = 2 * time.Second
	keepQuiet      = 45 * time.Second              // for a pool at rest, which Metacontroller's resync asks about every 20 s
	keepBegun      = 2 * (readTimeout + keepQuiet) // longer than a list that lacks an operation can be in use
)

// place is one zone of one project as seen with one set of credentials.
type place struct {
	account string // hash of the credentials
	project string
	zone    string // empty: all of them
}

// listing is what one zone holds for this cluster, all pools together.
type listing struct {
	instances  []gce.Instance
	operations []gce.Operation // of everybody
	since      time.Time       // of the operations; zero: they were not asked for
	at         time.Time
	follows    int // how many mutations without an answer were over when it was asked for
}

// tells whether the list has the operations since then, if they are asked for.
func (l listing) tells(since time.Time) bool {
	return since.IsZero() || !l.since.IsZero() && !l.since.After(since)
}

// begun is an operation as GCE answered with it.
type begun struct {
	gce.Operation
	at time.Time // of the answer
}

// zoneReader reads zones once for all pools that ask within two seconds (of a pool at rest: 45), and
// adds the operations that were begun since. A pool
// whose mutation GCE has not said to be under way reads the zone anew; it does not concern the others.
type zoneReader struct {
	now     func() time.Time
	cluster string

	flights singleflight.Group
	mu      sync.Mutex
	kept    map[place]listing
	begun   map[place][]begun           // the newest first
	changes map[place]int               // mutations of all pools so far that GCE has not said to be under way
	last    map[types.UID]map[place]int // which of them was a pool's last
}

// reader is the pool that asks, and what its status says of a zone already.
type reader struct {
	pool     types.UID
	news     time.Time     // of whole seconds: a list must be later. Zero: all that status says is from lists of this process.
	patience time.Duration // how old a list may be; keepListing if that is longer
}

func newZoneReader(now func() time.Time, cluster string) *zoneReader {
	return &zoneReader{
		now: now, cluster: cluster,
		kept: map[place]listing{}, begun: map[place][]begun{}, changes: map[place]int{}, last: map[types.UID]map[place]int{},
	}
}

// read lists a zone, with its operations since then, or without them. Errors are those of gce.Cloud, or ctx's.
func (r *zoneReader) read(ctx context.Context, cloud gce.Cloud, at place, by reader, since time.Time) (listing, error) {
	kept, changes, fresh := r.recall(at, by, since)
	if fresh {
		return r.current(at, kept), nil
	}
	key := fmt.Sprintf("%v %d %d", at, changes, since.Unix())
	flight := r.flights.DoChan(key, func() (any, error) {
		// The flight serves several callers: none of them may end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return r.fetch(ctx, cloud, at, since)
	})
	select {
	case <-ctx.Done():
		return listing{}, gce.Unanswered("list "+at.zone, ctx.Err())
	case result := <-flight:
		if result.Err != nil {
			return listing{}, result.Err
		}
		found, _ := result.Val.(listing)
		found.follows = changes
		r.keep(at, found)
		return r.current(at, found), nil
	}
}

// current is a listing with what was begun since it was asked for.
func (r *zoneReader) current(at place, found listing) listing {
	r.mu.Lock()
	defer r.mu.Unlock()
	var since []gce.Operation
	for _, op := range r.begun[at] {
		listed := slices.ContainsFunc(found.operations, func(o gce.Operation) bool { return o.Name == op.Name })
		if !op.at.Before(found.at) && !listed {
			since = append(since, op.Operation)
		}
	}
	if len(since) > 0 {
		found.operations = append(since, found.operations...)
	}
	return found
}

// readAll lists all zones of a project, all pools together; not from before since. A list that takes longer than the caller waits
// goes on, for whoever asks next: all pools wait for the same one.
func (r *zoneReader) readAll(ctx context.Context, cloud gce.Cloud, at place, since time.Time) ([]gce.Instance, error) {
	waiting, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for range 2 { // the first flight may be from before
		if kept, found := r.recallAll(at, since); found {
			return kept.instances, nil
		}
		flight := r.flights.DoChan(fmt.Sprintf("%v of all zones", at), func() (any, error) { return nil, r.fetchAll(ctx, cloud, at) })
		select {
		case <-waiting.Done():
			return nil, gce.Unanswered("list all zones", waiting.Err())
		case result := <-flight:
			if result.Err != nil {
				return nil, result.Err
			}
		}
	}
	if kept, found := r.recallAll(at, since); found {
		return kept.instances, nil
	}
	return nil, gce.Unanswered("list all zones", context.DeadlineExceeded)
}

func (r *zoneReader) recallAll(at place, since time.Time) (listing, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.kept[at]
	return kept, found && !kept.at.Before(since)
}

func (r *zoneReader) fetchAll(ctx context.Context, cloud gce.Cloud, at place) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readAllTimeout)
	defer cancel()
	all := listing{at: r.now()}
	var err error
	if all.instances, err = cloud.AllInstances(ctx, map[string]string{labelCluster: r.cluster}); err != nil {
		return err
	}
	r.keep(at, all)
	return nil
}

// fetch lists operations before instances: the VM of an insert that is done by then is in the list, or gone for good.
func (r *zoneReader) fetch(ctx context.Context, cloud gce.Cloud, at place, since time.Time) (listing, error) {
	found := listing{since: since, at: r.now()}
	var err error
	if !since.IsZero() {
		if found.operations, err = cloud.Operations(ctx, at.zone, since); err != nil {
			return listing{}, err
		}
	}
	found.instances, err = cloud.Instances(ctx, at.zone, map[string]string{labelCluster: r.cluster})
	return found, err
}

func (r *zoneReader) recall(at place, by reader, since time.Time) (kept listing, changes int, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.kept[at]
	age := r.now().Sub(kept.at) // less than 0 when the clock was set back
	isRecent := age >= 0 && age < max(by.patience, keepListing) && !kept.at.Before(by.news.Add(time.Second))
	fresh = found && isRecent && kept.follows >= r.last[by.pool][at] && kept.tells(since)
	return kept, r.changes[at], fresh
}

func (r *zoneReader) keep(at place, found listing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := r.kept[at].at; !found.at.Before(kept) || kept.After(r.now()) {
		r.kept[at] = found
	}
}

// sent notes that a pool's mutation was sent to a zone. Unless GCE has answered that it is under way, lists from before it are
// of no use to that pool: of one that is done a list must show what became of it.
func (r *zoneReader) sent(at place, pool types.UID, answer gce.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if answer.Name != "" && !answer.Done {
		now := r.now()
		newest := append([]begun{{answer, now}}, r.begun[at]...)
		r.begun[at] = slices.DeleteFunc(newest, func(b begun) bool { return now.Sub(b.at) > keepBegun })
		return
	}
	r.changes[at]++
	if r.last[pool] == nil {
		r.last[pool] = map[place]int{}
	}
	r.last[pool][at] = r.changes[at]
}

// forget drops what is known of a pool that is no more.
func (r *zoneReader) forget(pool types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, pool)
}
