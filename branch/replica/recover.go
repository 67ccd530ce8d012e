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
//
// A peer's word counts only as far as it shows batches: one that names entries
// and shows none in time has said nothing yet.
type recovery struct {
	state State
	// reason is why the branch has halted.
	reason string
	// needAll says that every peer must have been heard, lost that some of this
	// branch's journal has come from peers.
	needAll, lost bool
	// heard says which peers were, since the start: those that have said how much
	// they hold, and shown it where this branch had less.
	heard []bool
	// claims are what peers say that they hold of this branch's journal, where that
	// is more than is here.
	claims []claim
}

// claim is how much of this branch's journal a peer says that it holds.
type claim struct {
	most uint64
	// wait is for it to show that. again counts how often it has begun anew since
	// something was shown, broken says that nothing was in time.
	wait   wait
	again  int
	broken bool
}

// hear notes how much of this branch's journal a peer says that it holds.
func (v *recovery) hear(r *Replica, p *peer, own uint64) {
	c := &v.claims[p.index]
	switch {
	case own <= r.head(r.self):
		v.heard[p.index], c.most = true, 0
	case v.state == Recovering && !c.broken:
		c.await(r, !p.heard)
		c.most = own
	}
}

// learn notes that a peer has shown a batch of this branch's journal.
func (v *recovery) learn(r *Replica, p *peer, own uint64) {
	c := &v.claims[p.index]
	if own > max(c.most, r.head(r.self)) && !c.broken {
		c.await(r, false)
		c.most = own
	}
}

// await begins the wait for a peer to show what it holds, unless it has begun. Who
// says it again on a new link has as long again, but not time after time.
func (c *claim) await(r *Replica, newLink bool) {
	switch {
	case c.most <= r.head(r.self):
	case newLink && c.again < maxClaims:
		c.again++
	default:
		return
	}
	c.wait = wait{at: r.now, head: r.head(r.self)}
}

// most is the most that any peer holds of this branch's journal, as far as that
// is known.
func (v *recovery) most() (most uint64) {
	for i := range v.claims {
		most = max(most, v.claims[i].most)
	}
	return most
}

// all reports whether every peer must have been heard.
func (v *recovery) all(r *Replica) bool {
	return v.needAll || v.lost || v.most() > r.head(r.self)
}

// applied notes that a batch of this branch's journal that a peer has shown is
// applied. A branch that served has lost it, and did not know.
func (v *recovery) applied(r *Replica, from *peer) {
	v.lost = true
	v.claims[from.index].again, v.claims[from.index].broken = 0, false
	if v.state == Serving {
		v.state = Recovering
		r.fetching.add(r.self)
	}
	if from.advertised != nil {
		v.learn(r, from, from.advertised[r.self])
	}
	for _, p := range r.peers {
		if p.has.Sequence > p.acked { // which only a peer has
			r.confirmHello(p)
		}
	}
}

// review counts the claims that are met, and gives up those that nothing has been
// shown for in time.
func (v *recovery) review(r *Replica) {
	for i := range v.claims {
		c := &v.claims[i]
		switch {
		case c.most == 0:
		case c.most <= r.head(r.self):
			v.heard[i], c.most = true, 0
		case c.wait.inVain(r.now, r.head(r.self)):
			r.reject(r.peers[i], BadPosition, true, "it has entry %d of this branch's journal, which ends at %d here: it shows no batch that proves it", c.most, r.head(r.self))
			c.most, c.broken = 0, true
		}
	}
}

// recover begins to serve once the peers have told enough.
func (r *Replica) recover() {
	v := &r.recovery
	if v.state != Recovering {
		return
	}
	v.review(r)
	if r.head(r.self) < v.most() || len(r.unheard()) > 0 {
		return
	}
	if !r.founding.bank.Founded || len(r.outnumbered()) > 0 {
		return
	}
	v.state, v.lost = Serving, false
	r.dropEarly(r.self) // those that nobody has shown the start of
	r.recheck = true
	if e := r.ledger.Head(r.self).Epoch; r.epoch <= e {
		r.epoch = e + 1
	}
	r.commit.Settled, r.commit.Sync = true, true
}

// waits reports whether the branch has just started, and waits for its peers
// though it need not hear them: they may know better what it had written.
func (r *Replica) waits() bool { return r.now-r.booted < r.cfg.StartWait }

// unheard returns the peers that must be heard before this branch writes: all, or
// those that may have a word to say soon.
func (r *Replica) unheard() []ledger.BranchID {
	var out []ledger.BranchID
	v := &r.recovery
	all := v.all(r)
	for i, p := range r.peers {
		soon := !v.claims[i].broken && (p.reachable || r.waits() && r.founding.strangers[i] == "")
		if i != r.self && !v.heard[i] && (all || soon) {
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
	r.recheck = true    // what waits is refused now
	r.dropEarly(r.self) // nothing more of it is applied
	r.alarm(AlarmFork, "this branch's journal has forked, it takes no more writes: "+text)
}

// stateReason says in words why the branch takes no writes.
func (r *Replica) stateReason() string {
	v := &r.recovery
	switch {
	case v.state == Halted:
		return "the journal of this branch has forked: " + v.reason
	case v.state == Serving:
		return ""
	case len(r.outnumbered()) > 0:
		return fmt.Sprintf("this branch belongs to %v, and %s to another bank, which the alarms name", r.founding.bank, list(r.outnumbered()))
	case !r.founding.bank.Founded && len(r.unmet()) > 0:
		return "this branch's disk is empty, and its bank is not founded yet: all branches agree on its id first; this branch waits for " + list(r.unmet())
	case !r.founding.bank.Founded:
		return fmt.Sprintf("this branch's disk is empty, and its bank is not founded yet: this branch waits for branch %d to found it", r.peers[0].branch)
	case len(r.unheard()) > 0 && r.cfg.Copied && v.needAll:
		return "this branch's data directory is a copy, or was restored from one, and may be old: it has to hear from every branch before it writes; it waits for " + list(r.unheard())
	case len(r.unheard()) > 0 && v.needAll && v.most() <= r.head(r.self):
		return "this branch's disk is empty, and it has to hear from every branch before it writes; it waits for " + list(r.unheard())
	case len(r.unheard()) > 0:
		return "this branch asks what the others hold of its journal; it waits for " + list(r.unheard())
	}
	return fmt.Sprintf("this branch fetches its own journal back: it has entry %d of %d", r.head(r.self), v.most())
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
	if len(branches) > 1 {
		return "branches " + s.String()
	}
	return "branch " + s.String()
}
