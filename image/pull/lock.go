package pull

import (
	"context"
	"io"
)

// wait gets a lock that has no context of its own. When the context ends
// first, the lock is given back as soon as it is got.
func wait[L io.Closer](ctx context.Context, lock func() (L, error)) (L, error) {
	type got struct {
		lock L
		err  error
	}
	var none L
	if err := ctx.Err(); err != nil {
		return none, context.Cause(ctx)
	}
	c := make(chan got)
	go func() {
		l, err := lock()
		select {
		case c <- got{l, err}:
		case <-ctx.Done():
			if err == nil {
				_ = l.Close() // nothing was done under it
			}
		}
	}()
	select {
	case g := <-c:
		return g.lock, g.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
