package replica

import (
	"fmt"
	"strings"

	"passbook.example/passbook/branch/ledger"
)

// recovery is how a branch that has just started finds out whether its disk
// holds all of its journal. Before its first own entry it hears from its
// peers how much of its journal they hold. If any has more, this disk has lost
// something (it was wiped, or an old copy was restored): the branch fetches
// its own journal back from them, and hears from everybody before it writes.
// An empty disk must hear from everybody too.
type recovery struct {
	state State
	// reason is why the branch has halted.
	reason string
	// needAll says that every peer must have been heard.
	needAll bool
	// heard says which peers were, since the start.
	heard []bool
	// most is the most that any holds of this branch's journal.
	most uint64
}

// hear notes how much of this branch's journal a peer holds.
func (v *recovery) hear(r *Replica, p *peer, own uint64) {
	if own > r.head(r.self) && v.state == Serving {
		r.halt(fmt.Sprintf("branch %d has entry %d of this branch's journal, which ends at %d here", p.branch, own, r.head(r.self)))
		return
	}
	v.heard[p.index] = true
	v.learn(r, own)
}

// learn notes that this branch's journal goes up to own, at least.
func (v *recovery) learn(r *Replica, own uint64) {
	v.most = max(v.most, own)
	if own > r.head(r.self) {
		v.needAll = true
	}
}

// recover begins to serve once the peers have told enough.
func (r *Replica) recover() {
	v := &r.recovery
	if v.state != Recovering || r.head(r.self) < v.most || len(r.unheard()) > 0 {
		return
	}
	v.state = Serving
	r.applied = true
	if e := r.ledger.Head(r.self).Epoch; r.epoch <= e {
		r.epoch = e + 1
	}
	r.commit.Settled, r.commit.Sync = true, true
}

// unheard returns the peers that must be heard before this branch writes.
func (r *Replica) unheard() []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range r.peers {
		if i != r.self && !r.recovery.heard[i] && (r.recovery.needAll || p.reachable) {
			out = append(out, p.branch)
		}
	}
	return out
}

// halt stops this branch from writing: its own journal has forked.
func (r *Replica) halt(text string) {
	if r.recovery.state == Halted {
		return
	}
	r.recovery.state, r.recovery.reason = Halted, text
	r.applied = true    // what waits is refused now
	r.dropEarly(r.self) // nothing more of it is applied
	r.alarm("this branch's journal has forked, it takes no more writes: " + text)
}

// stateReason says in words why the branch takes no writes.
func (r *Replica) stateReason() string {
	v := &r.recovery
	switch {
	case v.state == Halted:
		return "the journal of this branch has forked: " + v.reason
	case v.state == Serving:
		return ""
	case len(r.unheard()) > 0 && v.needAll && v.most <= r.head(r.self):
		return "this branch's disk is empty, and it has to hear from every branch before it writes; it waits for " + list(r.unheard())
	case len(r.unheard()) > 0:
		return "this branch asks what the others hold of its journal; it waits for " + list(r.unheard())
	}
	return fmt.Sprintf("this branch fetches its own journal back: it has entry %d of %d", r.head(r.self), v.most)
}

func list(branches []ledger.BranchID) string {
	var s strings.Builder
	for i, b := range branches {
		if i == 8 {
			fmt.Fprintf(&s, " and %d more", len(branches)-i)
			break
		}
		if i > 0 {
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "%d", b)
	}
	return "branch " + s.String()
}
