package broadcast

import (
	"math"
	"math/bits"
)

// indexes is a set of branches, by their indexes. Such sets tell a step what it has
// to do, so its cost depends on what has changed and not on how many branches there
// are: in a bank of a hundred most messages concern one peer.
type indexes []uint64

func newIndexes(n int) indexes { return make(indexes, (n+63)/64) }

func (s indexes) add(i int) { s[i/64] |= 1 << (i % 64) }

// addAll adds the first n.
func (s indexes) addAll(n int) {
	for i := range n {
		s.add(i)
	}
}

// merge adds those of another set of the same bank.
func (s indexes) merge(o indexes) {
	for k := range s {
		s[k] |= o[k]
	}
}

func (s indexes) remove(i int) { s[i/64] &^= 1 << (i % 64) }

func (s indexes) empty() bool { return s.next(0) < 0 }

// next returns the first index from i on, or -1. So a walk is in ascending order, and
// also reaches indexes that are added ahead of it meanwhile.
func (s indexes) next(i int) int {
	for k := i / 64; k < len(s); k++ {
		word := s[k]
		if k == i/64 {
			word &= ^uint64(0) << (i % 64)
		}
		if word != 0 {
			return k*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

// least is the least that any of some peers has confirmed. All of them are compared
// only once the last of those that were at it has moved.
type least struct {
	at uint64
	// count is how many peers are at it; with 0 it has to be found anew.
	count int
}

// moved records that one of the peers has confirmed more or less than before.
func (l *least) moved(from, to uint64) {
	switch {
	case l.count == 0 || from == to:
	case to < l.at:
		l.at, l.count = to, 1
	case to == l.at:
		l.count++
	case from == l.at:
		l.count--
	}
}

// of returns the least of the peers that count; the largest number if none does.
func (l *least) of(peers []*Peer, self int, counts func(*Peer) bool) uint64 {
	if l.count > 0 {
		return l.at
	}
	*l = least{at: math.MaxUint64, count: 1}
	for i, p := range peers {
		switch {
		case i == self || !counts(p) || p.acked > l.at:
		case p.acked < l.at:
			*l = least{at: p.acked, count: 1}
		default:
			l.count++
		}
	}
	return l.at
}
