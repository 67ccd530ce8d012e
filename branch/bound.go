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
