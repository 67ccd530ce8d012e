// Package bound has the two counters with which the rooms of a branch bound
// what they hold: of how many there are, and of how many bytes all take together.
// It knows no room, and every room may know it.
package bound

import "sync/atomic"

// Count counts how many there are of something, and lets no more in than Most.
type Count struct {
	// Most is how many there may be. It does not change.
	Most  int64
	count atomic.Int64 // over Most only for a moment, while Enter refuses
}

// Enter counts one more. It reports false, and counts nothing, when there are
// as many as may be.
func (c *Count) Enter() bool {
	if c.count.Add(1) > c.Most {
		c.count.Add(-1)
		return false
	}
	return true
}

// Leave counts one less. Each Enter that succeeded needs one.
func (c *Count) Leave() { c.count.Add(-1) }

// In returns how many there are.
func (c *Count) In() int64 { return c.count.Load() }

// Weight counts what all of a kind take together, in bytes, and lets no more in
// than Most.
type Weight struct {
	// Most is how many bytes they may take. It does not change.
	Most int64
	sum  atomic.Int64 // in bytes; over Most only for a moment, while Take refuses
}

// Take counts n bytes more. It reports false, and counts nothing, when there is
// no room for them.
func (w *Weight) Take(n int) bool {
	if w.sum.Add(int64(n)) <= w.Most {
		return true
	}
	w.Give(n)
	return false
}

// Give counts n bytes less, which were taken.
func (w *Weight) Give(n int) { w.sum.Add(-int64(n)) }

// Taken returns how many bytes are counted.
func (w *Weight) Taken() int64 { return w.sum.Load() }
