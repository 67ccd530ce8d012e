package branch

import "sync/atomic"

// bound counts what there is of something, and lets no more in than most.
type bound struct {
	most int64
	in   atomic.Int64
}

// enter counts one more. It reports false, and counts nothing, when there are
// as many as may be.
func (b *bound) enter() bool {
	if b.in.Add(1) > b.most {
		b.in.Add(-1)
		return false
	}
	return true
}

func (b *bound) leave() { b.in.Add(-1) }

// weight is the most that a kind of thing may take together, at one time.
type weight struct {
	most int64
	held atomic.Int64
}

// take reports whether there is room for n more, and takes it.
func (w *weight) take(n int) bool {
	if w.held.Add(int64(n)) <= w.most {
		return true
	}
	w.give(n)
	return false
}

func (w *weight) give(n int) { w.held.Add(-int64(n)) }
