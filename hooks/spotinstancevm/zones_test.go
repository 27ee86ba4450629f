package spotinstancevm

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// listedCloud answers with its operations, and counts.
type listedCloud struct {
	gce.Cloud
	operations []gce.Operation
	lists      int
}

func (c *listedCloud) Instances(context.Context, string, map[string]string) ([]gce.Instance, error) {
	c.lists++
	return nil, nil
}

func (c *listedCloud) Operations(context.Context, string, time.Time) ([]gce.Operation, error) {
	return c.operations, nil
}

func TestWhatWasBegunIsAddedToAList(t *testing.T) {
	now := noon
	cloud := &listedCloud{}
	zones := newZoneReader(func() time.Time { return now }, "cluster")
	at := place{project: "p", zone: a}
	read := func() []gce.Operation {
		found, err := zones.read(t.Context(), cloud, at, reader{pool: "pool"}, noon.Add(-time.Minute))
		require.NoError(t, err)
		return found.operations
	}
	older := gce.Operation{Name: "older", Done: true}
	cloud.operations = []gce.Operation{older}
	require.Equal(t, []gce.Operation{older}, read())

	now = now.Add(time.Second)
	begun := gce.Operation{Name: "begun"}
	zones.sent(at, "pool", begun)
	require.Equal(t, []gce.Operation{begun, older}, read(), "the newest first")
	require.Equal(t, []gce.Operation{begun, older}, read(), "as often as it is asked for")
	require.Equal(t, 1, cloud.lists)

	now = now.Add(time.Second)
	ended := gce.Operation{Name: "begun", Done: true}
	cloud.operations = []gce.Operation{ended, older}
	require.Equal(t, []gce.Operation{ended, older}, read(), "a later list has it")
	zones.sent(at, "pool", begun)
	require.Equal(t, []gce.Operation{ended, older}, read(), "what is listed is not told twice")
	require.Equal(t, 2, cloud.lists)
}

// A pool at rest takes an older list than others do, and must not miss what was begun since, however much was begun after that.
func TestWhatWasBegunIsAddedToTheListOfAPoolAtRest(t *testing.T) {
	now := noon
	cloud := &listedCloud{}
	zones := newZoneReader(func() time.Time { return now }, "cluster")
	at := place{project: "p", zone: a}
	read := func() listing {
		found, err := zones.read(t.Context(), cloud, at, reader{pool: "pool", patience: keepQuiet}, time.Time{})
		require.NoError(t, err)
		return found
	}
	read()
	first, second := gce.Operation{Name: "first"}, gce.Operation{Name: "second"}
	zones.sent(at, "other", first)
	now = now.Add(keepQuiet - time.Second)
	zones.sent(at, "another", second)
	require.Equal(t, []gce.Operation{second, first}, read().operations)
	require.Equal(t, 1, cloud.lists)
	now = now.Add(time.Second)
	read()
	require.Equal(t, 2, cloud.lists, "the list is too old now")
}

// A request that is sent again is answered with the operation of the first, which may be done: a list must show what became of it.
func TestAnAnswerThatIsDoneHasTheZoneReadAnew(t *testing.T) {
	cloud := &listedCloud{}
	zones := newZoneReader(func() time.Time { return noon }, "cluster")
	at := place{project: "p", zone: a}
	read := func() {
		found, err := zones.read(t.Context(), cloud, at, reader{pool: "pool"}, noon.Add(-time.Minute))
		require.NoError(t, err)
		require.Empty(t, found.operations)
	}
	read()
	zones.sent(at, "pool", gce.Operation{Name: "first", Done: true})
	read()
	require.Equal(t, 2, cloud.lists)
}

// slowCloud lists all zones when it is told to.
type slowCloud struct {
	gce.Cloud
	lists  atomic.Int32
	answer chan struct{}
}

func (c *slowCloud) AllInstances(ctx context.Context, _ map[string]string) ([]gce.Instance, error) {
	c.lists.Add(1)
	select {
	case <-c.answer:
		return []gce.Instance{{Name: "vm"}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A list of a thousand VMs in all zones may take longer than any call waits: it is not begun anew by each pool, and is not lost.
func TestAListOfAllZonesOutlivesWhoAskedForIt(t *testing.T) {
	cloud := &slowCloud{answer: make(chan struct{})}
	zones := newZoneReader(func() time.Time { return noon }, "cluster")
	at := place{project: "p"}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		_, err := zones.readAll(impatient, cloud, at, noon)
		require.ErrorContains(t, err, "list all zones")
	}
	close(cloud.answer)
	found, err := zones.readAll(t.Context(), cloud, at, noon)
	require.NoError(t, err)
	require.Equal(t, []gce.Instance{{Name: "vm"}}, found)
	require.Equal(t, int32(1), cloud.lists.Load())
}

func TestAListOfAllZonesFromBeforeIsNotEnough(t *testing.T) {
	now := noon
	cloud := &slowCloud{answer: make(chan struct{})}
	close(cloud.answer)
	zones := newZoneReader(func() time.Time { return now }, "cluster")
	for lists, since := range []time.Time{noon, noon.Add(-time.Minute), noon.Add(time.Minute)} {
		now = later(now, since)
		_, err := zones.readAll(t.Context(), cloud, place{project: "p"}, since)
		require.NoError(t, err)
		require.Equal(t, []int32{1, 1, 2}[lists], cloud.lists.Load())
	}
}
