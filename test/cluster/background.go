package cluster

import (
	"context"
	"sync"
)

// background runs the goroutines of a lab until it stops. The zero value is ready.
type background struct {
	mu      sync.Mutex
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// context ends when the lab stops.
func (b *background) context() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.make()
}

// make returns the context, which it makes on first use. The caller holds the lock.
func (b *background) make() context.Context {
	if b.ctx == nil {
		b.ctx, b.cancel = context.WithCancel(context.Background())
	}
	return b.ctx
}

// run starts f with a context that ends when the lab stops.
func (b *background) run(f func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ctx := b.make()
	if ctx.Err() == nil {
		b.running.Go(func() { f(ctx) })
	}
}

// stop ends all goroutines and waits for them.
func (b *background) stop() {
	b.mu.Lock()
	b.make()
	b.cancel()
	b.mu.Unlock()
	b.running.Wait()
}
