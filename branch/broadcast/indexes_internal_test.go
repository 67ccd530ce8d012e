package broadcast

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The sets are compared with maps, also where one of their words ends.
func TestIndexes(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 200} {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		s, want := newIndexes(n), map[int]bool{}
		for range 1000 {
			i := random.IntN(n)
			switch random.IntN(8) {
			case 0:
				o := newIndexes(n)
				o.add(i)
				s.merge(o)
				want[i] = true
			case 1, 2, 3:
				s.add(i)
				want[i] = true
			default:
				s.remove(i)
				delete(want, i)
			}
			var got []int
			for i := s.next(0); i >= 0; i = s.next(i + 1) {
				got = append(got, i)
			}
			if !slices.IsSorted(got) || len(got) != len(want) || slices.ContainsFunc(got, func(i int) bool { return !want[i] }) || s.empty() != (len(want) == 0) {
				t.Fatalf("of %d: %v, want %v", n, got, want)
			}
		}
		s.addAll(n)
		if s.next(n-1) != n-1 || s.next(n) != -1 {
			t.Errorf("of %d: the last is %d, and after that %d", n, s.next(n-1), s.next(n))
		}
	}
}

// The least that is kept is the one that comparing all peers gives, whatever moves:
// also back, as when a peer has lost its disk.
func TestLeastIsThatOfAllPeers(t *testing.T) {
	const n = 5
	random := rand.New(rand.NewPCG(1, 2))
	j := &Journals{Core: Core{N: n}}
	j.progress.Core = &j.Core
	for i := range n {
		j.Peers = append(j.Peers, &Peer{Index: i, reachable: true})
	}
	for step := range 10_000 {
		p := j.Peers[1+random.IntN(n-1)]
		if random.IntN(10) == 0 {
			j.progress.setReachable(p, !p.reachable)
		} else {
			j.progress.confirm(p, max(0, p.acked+uint64(random.IntN(5)))-min(p.acked, uint64(random.IntN(3))))
		}
		for name, l := range map[string]struct {
			kept   *least
			counts func(*Peer) bool
		}{
			"everyone": {&j.progress.everyone, func(*Peer) bool { return true }},
			"reached":  {&j.progress.reached, func(p *Peer) bool { return p.reachable }},
		} {
			var anew least
			if got, want := l.kept.of(j.Peers, j.Self, l.counts), anew.of(j.Peers, j.Self, l.counts); got != want || l.kept.count != anew.count {
				t.Fatalf("step %d: of %s %d is the least, of %d peers, want %d of %d", step, name, got, l.kept.count, want, anew.count)
			}
		}
	}
}
