package gcetest

import (
	"context"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

var idempotency = map[string]func(*world){
	"a name is taken until the VM is gone": func(w *world) {
		first := w.running("vm-1")
		_, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), request())
		w.requireKind(gce.AlreadyExists, err)
		require.NoError(w, w.fake.Delete("vm-1"))
		_, err = w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), request())
		w.requireKind(gce.AlreadyExists, err)
		w.clock.Advance(toDeleted)
		second := w.running("vm-1")
		assert.NotEqual(w, first.ID, second.ID)
	},
	"a delete repeated": func(w *world) {
		w.running("vm-1")
		id := request()
		first, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", id)
		require.NoError(w, err)
		w.clock.Advance(toDeleted)
		again, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", id)
		require.NoError(w, err)
		assert.Equal(w, first.Name, again.Name)
		_, err = w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
		w.requireKind(gce.NotFound, err)
	},
	"a second delete does not start over": func(w *world) {
		w.running("vm-1")
		for range 3 {
			_, err := w.cloud.Delete(w.Context(), zoneA, "vm-1", request())
			require.NoError(w, err)
			w.clock.Advance(toDeleted / 3)
		}
		_, ok := w.instance("vm-1", zoneA)
		assert.False(w, ok)
		assert.Empty(w, w.fake.OperationsInFlight())
	},
	"an insert whose answer is lost took effect": func(w *world) {
		w.fake.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.LostAnswer())
		id := request()
		_, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), id)
		w.requireKind(gce.Unavailable, err)
		_, ok := w.instance("vm-1", zoneA)
		assert.True(w, ok)
		op, err := w.cloud.Insert(w.Context(), w.spec("vm-1", zoneA), id)
		require.NoError(w, err)
		assert.Equal(w, "vm-1", op.Target)
		assert.Equal(w, 2, w.fake.Calls()[gcefake.Insert], "a mutation is not repeated on its own")
	},
	"a caller that dies between insert and answer": func(w *world) {
		ctx, die := context.WithCancel(w.Context())
		w.fake.Once(gcefake.Call{Method: gcefake.Insert}, gcefake.HoldAnswer(die, make(chan struct{})))
		_, err := w.cloud.Insert(ctx, w.spec("vm-1", zoneA), request())
		w.requireKind(gce.Unavailable, err)
		assert.ErrorIs(w, err, context.Canceled)
		_, ok := w.instance("vm-1", zoneA)
		assert.True(w, ok)
	},
}
