package gcetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce/gcefake"
)

// A call that ignores its context makes these hang until the test binary's time-out.
var contexts = map[string]func(*world){
	"a call ends with its deadline though the server hangs": func(w *world) {
		w.fake.When(gcefake.Call{}, gcefake.Hang())
		for name, call := range w.everyCall() {
			ctx, cancel := context.WithTimeout(w.Context(), 20*time.Millisecond)
			err := call(ctx)
			cancel()
			w.requireKind(gce.Unavailable, err)
			assert.ErrorIs(w, err, context.DeadlineExceeded, name)
		}
	},
	"a call ends when it is cancelled though the server hangs": func(w *world) {
		for name, call := range w.everyCall() {
			ctx, cancel := context.WithCancel(w.Context())
			stop := w.fake.When(gcefake.Call{}, gcefake.HoldAnswer(cancel, make(chan struct{})))
			err := call(ctx)
			stop()
			w.requireKind(gce.Unavailable, err)
			assert.ErrorIs(w, err, context.Canceled, name)
		}
	},
	"a call does not begin when its context has ended": func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		for name, call := range w.everyCall() {
			err := call(ctx)
			w.requireKind(gce.Unavailable, err)
			assert.ErrorIs(w, err, context.Canceled, name)
		}
		assert.Empty(w, w.fake.Calls())
	},
	"a call that did not begin leaves later ones alone": func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		_, err := w.cloud.Instances(ctx, zoneA, nil)
		require.Error(w, err)
		_, err = w.cloud.Instances(w.Context(), zoneA, nil)
		assert.NoError(w, err)
	},
}
