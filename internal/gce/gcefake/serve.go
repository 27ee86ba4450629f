package gcefake

import (
	"context"
	"io"

	"github.com/lehuannhatrang/spot-instance-training-operator/internal/gce"
)

// serve is one call from either side: it behaves as scripted, and runs effect under the lock unless the script
// says that the call has none. An error without HTTPStatus means that no answer is to be given.
func (f *Fake) serve(ctx context.Context, c Call, effect func(Behaviour) *gce.Error) *gce.Error {
	if ctx.Err() != nil {
		return gce.Unanswered("", ctx.Err())
	}
	b := f.behaviour(c)
	if b.hang {
		<-ctx.Done()
		return gce.Unanswered("", ctx.Err())
	}
	if b.err != nil {
		e := *b.err
		return &e
	}
	var err *gce.Error
	f.lock(func() { err = effect(b) })
	if cut := b.cut(ctx); cut != nil {
		return gce.Unanswered("", cut)
	}
	return err
}

// cut is why the answer of a call that took effect does not reach the caller, if it does not.
func (b Behaviour) cut(ctx context.Context) error {
	if b.taken != nil {
		b.taken()
	}
	if b.release != nil {
		select {
		case <-b.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if b.lost {
		return io.ErrUnexpectedEOF
	}
	return nil
}
