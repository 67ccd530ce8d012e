package replica

import "math/bits"

// indexes is a set of branches, by their indexes. What a step has to look at is
// kept in such sets, so that it costs what has changed and not what there is: in
// a bank of a hundred branches most of what comes in concerns one peer.
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

// next returns the first from i on, or -1. So a walk is in ascending order, and
// sees what is added before it on its way.
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
