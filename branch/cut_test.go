package branch_test

import (
	"fmt"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// cut closes the roads between two branches; heal opens them.
func (b *bank) cut(x, y uint32)  { b.setRoads(x, y, func(r *road) { r.setClosed(true) }) }
func (b *bank) heal(x, y uint32) { b.setRoads(x, y, func(r *road) { r.setClosed(false) }) }

func (b *bank) setRoads(x, y uint32, set func(*road)) {
	set(b.roads[[2]uint32{x, y}])
	set(b.roads[[2]uint32{y, x}])
}

// cutOff cuts a branch off from all others, and waits until both sides know.
func (b *bank) cutOff(id uint32) {
	b.t.Helper()
	for _, other := range b.ids {
		if other != id {
			b.cut(id, other)
		}
	}
	for _, other := range b.ids {
		if other != id {
			b.awaitReachable(id, other, false)
			b.awaitReachable(other, id, false)
		}
	}
}

// rejoin opens the roads again, and waits until both sides know.
func (b *bank) rejoin(id uint32) {
	b.t.Helper()
	for _, other := range b.ids {
		if other != id {
			b.heal(id, other)
		}
	}
	for _, other := range b.ids {
		if other != id {
			b.awaitReachable(id, other, true)
			b.awaitReachable(other, id, true)
		}
	}
}

// awaitReachable polls a branch until it sees a peer as reachable, or not. There is no
// other way to find out.
func (b *bank) awaitReachable(at, peer uint32, want bool) {
	b.t.Helper()
	b.awaitStatus(at, fmt.Sprintf("peer %d reachable: %v", peer, want), func(s *bankv1.GetStatusResponse) bool {
		for _, p := range s.GetPeers() {
			if p.GetBranch() == peer {
				return p.GetReachable() == want
			}
		}
		return false
	})
}

// awaitLinks waits until all branches that run see each other.
func (b *bank) awaitLinks() {
	b.t.Helper()
	for _, id := range b.ids {
		for _, other := range b.ids {
			if id != other && b.runs(id) && b.runs(other) {
				b.awaitReachable(id, other, true)
			}
		}
	}
}

// awaitStatus polls the status of a branch, at most until the test's time is
// over.
func (b *bank) awaitStatus(at uint32, what string, holds func(*bankv1.GetStatusResponse) bool) {
	b.t.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		s, err := b.customers(at).GetStatus(b.ctx, &bankv1.GetStatusRequest{})
		if err != nil {
			b.t.Fatalf("status of branch %d, waiting for %s: %v", at, what, err)
		}
		if holds(s) {
			return
		}
		select {
		case <-pause.C:
		case <-b.ctx.Done():
			b.t.Fatalf("branch %d never came to %s: %v", at, what, s)
		}
	}
}
