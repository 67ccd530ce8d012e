package admit

import "sync/atomic"

// maxOpenings bounds the accepted links that have not said hello yet.
const maxOpenings = 64

// Openings are the accepted links that have not said hello yet. Over the bound the
// one that has waited for longest gives way: a peer says hello at once.
type Openings struct{ share Share }

// NewOpenings returns one without any.
func NewOpenings() *Openings {
	return &Openings{share: Share{most: maxOpenings, mostIdle: maxOpenings}}
}

// Enter counts one more. giveWay ends it when there are too many; it must not
// block. The caller calls leave once the link has said hello, or is gone; calling
// it again changes nothing.
func (o *Openings) Enter(giveWay func()) (leave func()) {
	e := &opening{end: giveWay}
	o.share.Enter(&e.place, e, true) // all are idle, so there is always one that gives way
	return func() {
		if !e.left.Swap(true) {
			o.share.Leave(&e.place)
		}
	}
}

// opening is one of them.
type opening struct {
	// place is that in the share, until left is set.
	place Place
	left  atomic.Bool
	// end ends the link.
	end func()
}

// GiveWay implements Holder.
func (e *opening) GiveWay() { e.end() }
