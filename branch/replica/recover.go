package replica

import (
	"fmt"
	"strings"

	"passbook.example/passbook/branch/ledger"
)

// recovery is how a branch that has just started finds out whether its disk
// has all of its journal. Before its first own entry it hears from its peers how
// much of its journal they have. If any has more, this disk has lost
// something (it was wiped, or an old copy was restored): the branch fetches
// its own journal back from them, and hears from everybody before it writes.
// An empty disk must hear from everybody too.
//
// A peer's word counts only as far as it shows batches: one that names entries
// and shows none in time has said nothing yet.
type recovery struct {
	*core              // what all parts know
	alarms   *alarms   // what the operator is told
	founding *founding // the bank
	intake   *intake   // what is applied here
	progress *progress // the peers, and frames for them
	// reason is why the branch has halted.
	reason string
	// needAll says that every peer must have been heard, lost that some of this
	// branch's journal has come from peers.
	needAll, lost bool
	// heard says which peers were heard since the start: those that have said how
	// much they have, and shown it where this branch had less.
	heard []bool
	// claims are what peers say that they have of this branch's journal, where that
	// is more than is here.
	claims []claim
}

func newRecovery(c *core, al *alarms, f *founding, in *intake, pr *progress) recovery {
	return recovery{
		core: c, alarms: al, founding: f, intake: in, progress: pr, heard: make([]bool, c.n), claims: make([]claim, c.n),
		needAll: (!c.cfg.Settled || c.cfg.Copied) && !c.cfg.Bootstrap,
	}
}

// claim is how much of this branch's journal a peer says that it has.
type claim struct {
	// most is the last entry that it names.
	most uint64
	// wait is for it to show that.
	wait wait
	// again counts how often the wait has begun anew since something was shown.
	again int
	// broken says that nothing was shown in time.
	broken bool
}

// hear records how much of this branch's journal a peer says that it has.
func (v *recovery) hear(p *peer, own uint64) {
	c := &v.claims[p.index]
	switch {
	case own <= v.head(v.self):
		v.heard[p.index], c.most = true, 0
	case v.state == Recovering && !c.broken:
		v.await(c, !p.heard)
		c.most = own
	}
}

// learn records that a peer has shown a batch of this branch's journal.
func (v *recovery) learn(p *peer, own uint64) {
	c := &v.claims[p.index]
	if own > max(c.most, v.head(v.self)) && !c.broken {
		v.await(c, false)
		c.most = own
	}
}

// await begins the wait for a peer to show what it has, unless it has begun. A peer
// that says it again on a new link has as long again, but only maxClaims times.
func (v *recovery) await(c *claim, newLink bool) {
	switch {
	case c.most <= v.head(v.self):
	case newLink && c.again < maxClaims:
		c.again++
	default:
		return
	}
	c.wait = wait{at: v.now, head: v.head(v.self)}
}

// most is the most that any peer has of this branch's journal, as far as that is
// known.
func (v *recovery) most() (most uint64) {
	for i := range v.claims {
		most = max(most, v.claims[i].most)
	}
	return most
}

// all reports whether every peer must have been heard.
func (v *recovery) all() bool {
	return v.needAll || v.lost || v.most() > v.head(v.self)
}

// applied records that a batch of this branch's journal, which a peer has shown, is
// applied. If this branch served, it had lost the batch and did not know.
func (v *recovery) applied(from *peer) {
	v.lost = true
	v.claims[from.index].again, v.claims[from.index].broken = 0, false
	if v.state == Serving {
		v.state = Recovering
		v.intake.mayFetch(v.self)
	}
	if from.advertised != nil {
		v.learn(from, from.advertised[v.self])
	}
	for _, p := range v.peers {
		if p.has.Sequence > p.acked { // which only a peer has
			v.progress.confirmHello(p)
		}
	}
}

// review counts the claims that are met, and gives up those that nothing has been
// shown for in time.
func (v *recovery) review() {
	for i := range v.claims {
		c := &v.claims[i]
		switch {
		case c.most == 0:
		case c.most <= v.head(v.self):
			v.heard[i], c.most = true, 0
		case c.wait.inVain(v.now, v.head(v.self)):
			v.alarms.reject(v.peers[i], BadPosition, true, "it has entry %d of this branch's journal, which ends at %d here: it shows no batch that proves it", c.most, v.head(v.self))
			c.most, c.broken = 0, true
		}
	}
}

// step begins to serve once the peers have told enough.
func (v *recovery) step() {
	if v.state != Recovering {
		return
	}
	v.review()
	if v.head(v.self) < v.most() || len(v.unheard()) > 0 {
		return
	}
	if !v.founding.bank.Founded || len(v.founding.outnumbered()) > 0 {
		return
	}
	v.state, v.lost = Serving, false
	v.intake.dropEarly(v.self) // no peer has shown where they start
	v.recheck = true
	if e := v.ledger.Head(v.self).Epoch; v.epoch <= e {
		v.epoch = e + 1
	}
	v.commit.Settled, v.commit.Sync = true, true
}

// nextTick returns when a claim lapses, or one of another bank counts no more.
func (v *recovery) nextTick() Millis {
	next := never
	if v.state != Recovering {
		return next
	}
	for i, p := range v.peers {
		if at := v.founding.strangeUntil(p); at > v.now {
			next = min(next, at)
		}
		if c := &v.claims[i]; c.most > v.head(v.self) {
			next = min(next, c.wait.at+fetchRetry)
		}
	}
	if v.waits() {
		next = min(next, v.booted+v.cfg.StartWait)
	}
	return next
}

// unheard returns the peers that must be heard before this branch writes: all, or
// those that may be heard soon.
func (v *recovery) unheard() []ledger.BranchID {
	var out []ledger.BranchID
	all := v.all()
	for i, p := range v.peers {
		soon := !v.claims[i].broken && (p.reachable || v.waits() && v.founding.strangers[i] == "")
		if i != v.self && !v.heard[i] && (all || soon) {
			out = append(out, p.branch)
		}
	}
	return out
}

// halt stops this branch from writing: its own journal has forked.
func (v *recovery) halt(text string) {
	if v.state == Halted {
		return
	}
	v.state, v.reason = Halted, text
	v.recheck = true           // what waits is refused now
	v.intake.dropEarly(v.self) // nothing more of it is applied
	v.alarms.raise(AlarmFork, "this branch's journal has forked, it takes no more writes: "+text)
}

// stateReason says in words why the branch takes no writes.
func (v *recovery) stateReason() string {
	switch {
	case v.state == Halted:
		return "the journal of this branch has forked: " + v.reason
	case v.state == Serving:
		return ""
	case len(v.founding.outnumbered()) > 0:
		return fmt.Sprintf("this branch belongs to %v, and %s to another bank, which the alarms name", v.founding.bank, list(v.founding.outnumbered()))
	case !v.founding.bank.Founded && len(v.founding.unmet()) > 0:
		return "this branch's disk is empty, and its bank is not founded yet: all branches agree on its id first; this branch waits for " + list(v.founding.unmet())
	case !v.founding.bank.Founded:
		return fmt.Sprintf("this branch's disk is empty, and its bank is not founded yet: this branch waits for branch %d to found it", v.peers[0].branch)
	case len(v.unheard()) > 0 && v.cfg.Copied && v.needAll:
		return "this branch's data directory is a copy, or was restored from one, and may be old: it has to hear from every branch before it writes; it waits for " + list(v.unheard())
	case len(v.unheard()) > 0 && v.needAll && v.most() <= v.head(v.self):
		return "this branch's disk is empty, and it has to hear from every branch before it writes; it waits for " + list(v.unheard())
	case len(v.unheard()) > 0:
		return "this branch asks what the others hold of its journal; it waits for " + list(v.unheard())
	}
	return fmt.Sprintf("this branch fetches its own journal back: it has entry %d of %d", v.head(v.self), v.most())
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
