// Package relay passes on what a program writes, and counts it.
package relay

import "sync/atomic"

// Budget is how many bytes may pass, over all streams together.
type Budget struct {
	left     atomic.Uint64
	exceeded atomic.Bool
	over     func()
}

// NewBudget returns a budget. over is called once, when more was to pass.
func NewBudget(limit uint64, over func()) *Budget {
	b := &Budget{over: over}
	b.left.Store(limit)
	return b
}

// Take asks for n bytes and returns how many of them may pass.
func (b *Budget) Take(n int) int {
	for {
		left := b.left.Load()
		granted := min(left, uint64(n))
		if !b.left.CompareAndSwap(left, left-granted) {
			continue
		}
		if granted < uint64(n) && b.exceeded.CompareAndSwap(false, true) {
			b.over()
		}
		return int(granted)
	}
}

// Exceeded reports whether more was to pass.
func (b *Budget) Exceeded() bool { return b.exceeded.Load() }
