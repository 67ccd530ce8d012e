package replica

import "math"

// least is the least of what some of the peers have confirmed. All of them are
// looked at only when the last of those that kept it back has moved.
type least struct {
	at uint64
	// holders are how many are at it; with none it has to be found anew.
	holders int
}

// moved notes that one of the peers has confirmed something else.
func (l *least) moved(from, to uint64) {
	switch {
	case l.holders == 0 || from == to:
	case to < l.at:
		l.at, l.holders = to, 1
	case to == l.at:
		l.holders++
	case from == l.at:
		l.holders--
	}
}

// of returns the least of the peers that count; the greatest number if none
// does.
func (l *least) of(peers []*peer, self int, counts func(*peer) bool) uint64 {
	if l.holders > 0 {
		return l.at
	}
	*l = least{at: math.MaxUint64, holders: 1}
	for i, p := range peers {
		switch {
		case i == self || !counts(p) || p.acked > l.at:
		case p.acked < l.at:
			*l = least{at: p.acked, holders: 1}
		default:
			l.holders++
		}
	}
	return l.at
}
