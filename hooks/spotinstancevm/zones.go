package spotinstancevm

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

const (
	readTimeout     = 3 * time.Second // of one list
	keepListing     = 2 * time.Second
	operationsSince = time.Hour
)

// place is one zone of one project as seen with one set of credentials.
type place struct {
	account string // hash of the credentials
	project string
	zone    string
}

// listing is what one zone holds for this cluster, all pools together.
type listing struct {
	instances  []gce.Instance
	operations []gce.Operation // of everybody, of the last hour
	complete   bool            // operations were asked for
	at         time.Time
}

// zoneReader reads zones once for all pools that ask within two seconds.
type zoneReader struct {
	now     func() time.Time
	cluster string

	flights singleflight.Group
	mu      sync.Mutex
	kept    map[place]listing
	changes map[place]int // our own mutations, so that nothing read before one is used after it
}

func newZoneReader(now func() time.Time, cluster string) *zoneReader {
	return &zoneReader{now: now, cluster: cluster, kept: map[place]listing{}, changes: map[place]int{}}
}

// read lists a zone, with its operations if asked for. Errors are those of gce.Cloud, or ctx's.
func (r *zoneReader) read(ctx context.Context, cloud gce.Cloud, at place, operations bool) (listing, error) {
	kept, changes, fresh := r.recall(at, operations)
	if fresh {
		return kept, nil
	}
	key := fmt.Sprintf("%v %d %t", at, changes, operations)
	flight := r.flights.DoChan(key, func() (any, error) {
		// The flight serves several callers: none of them may end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return r.fetch(ctx, cloud, at, operations)
	})
	select {
	case <-ctx.Done():
		return listing{}, gce.Unanswered("list "+at.zone, ctx.Err())
	case result := <-flight:
		if result.Err != nil {
			return listing{}, result.Err
		}
		found, _ := result.Val.(listing)
		r.keep(at, found, changes)
		return found, nil
	}
}

// fetch lists operations before instances: the VM of an insert that is done by then is in the list, or gone for good.
func (r *zoneReader) fetch(ctx context.Context, cloud gce.Cloud, at place, operations bool) (listing, error) {
	found := listing{complete: operations, at: r.now()}
	var err error
	if operations {
		if found.operations, err = cloud.Operations(ctx, at.zone, found.at.Add(-operationsSince)); err != nil {
			return listing{}, err
		}
	}
	found.instances, err = cloud.Instances(ctx, at.zone, map[string]string{labelCluster: r.cluster})
	return found, err
}

func (r *zoneReader) recall(at place, operations bool) (kept listing, changes int, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.kept[at]
	age := r.now().Sub(kept.at)
	return kept, r.changes[at], found && age < keepListing && (kept.complete || !operations)
}

func (r *zoneReader) keep(at place, found listing, changes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes[at] == changes {
		r.kept[at] = found
	}
}

// outdate drops what was read of a zone before status learned news of it. Another server knew better then. Times in
// status have whole seconds.
func (r *zoneReader) outdate(at place, news time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept, found := r.kept[at]; found && kept.at.Before(news.Add(time.Second)) {
		delete(r.kept, at)
	}
}

// forget drops what was read of a zone, after a mutation there.
func (r *zoneReader) forget(at place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes[at]++
	delete(r.kept, at)
}
