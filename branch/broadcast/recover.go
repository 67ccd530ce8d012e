package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/words"
)

// Recovery is how a branch that has just started finds out whether its disk
// has all of its journal. Before its first own entry it hears from its peers how
// much of its journal they have. If any has more, this disk has lost
// something (it was wiped, or an old copy was restored): the branch fetches
// its own journal back from them, and hears from everybody before it writes.
// An empty disk must hear from everybody too.
//
// A peer's word counts only as far as it shows batches: one that names entries
// and shows none in time has said nothing yet.
type Recovery struct {
	*Core              // what all parts know
	alarms   *Alarms   // what the operator is told
	founding *founding // the bank
	intake   *intake   // what is applied here
	progress *progress // the peers, and frames for them
	// reason is why the branch has halted.
	reason string
	// needAll says that every peer must be heard, lost that peers had some of this
	// branch's journal that was not here.
	needAll, lost bool
	// heard says which peers were heard since the start: those that have said how
	// much they have, and shown it where this branch had less.
	heard []bool
	// claims say how much of this branch's journal peers say that they have, where
	// that is more than is here.
	claims []claim
}

func newRecovery(c *Core, al *Alarms, f *founding, in *intake, pr *progress) Recovery {
	return Recovery{
		Core: c, alarms: al, founding: f, intake: in, progress: pr, heard: make([]bool, c.N), claims: make([]claim, c.N),
		needAll: (!c.Config.Settled || c.Config.Copied) && !c.Config.Bootstrap,
	}
}

// claim is how much of this branch's journal a peer says that it has.
type claim struct {
	// most is the last entry that it names.
	most uint64
	// wait is the wait until it shows that entry.
	wait wait
	// again counts how often the wait has begun anew since something was shown.
	again int
	// broken says that nothing was shown in time.
	broken bool
}

// hear records how much of this branch's journal a peer says that it has.
func (v *Recovery) hear(p *Peer, own uint64) {
	c := &v.claims[p.Index]
	switch {
	case own <= v.end():
		v.heard[p.Index], c.most = v.heard[p.Index] || p.agreed, 0
	case v.State == protocol.Recovering && !c.broken:
		v.await(c, !p.heard)
		c.most = own
	}
}

// end returns how far this branch has its own journal, with the batches that are pending.
func (v *Recovery) end() uint64 {
	sequence, _ := v.intake.end()
	return sequence
}

// learn records that a peer has shown a batch of this branch's journal.
func (v *Recovery) learn(p *Peer, own uint64) {
	c := &v.claims[p.Index]
	if own > max(c.most, v.end()) && !c.broken {
		v.await(c, false)
		c.most = own
	}
}

// await begins the wait for a peer to show what it has, unless it has begun. A peer
// that says the same on a new link has as long again, at most maxClaims times.
func (v *Recovery) await(c *claim, newLink bool) {
	switch {
	case c.most <= v.end():
	case newLink && c.again < maxClaims:
		c.again++
	default:
		return
	}
	c.wait = wait{at: v.Now, head: v.end()}
}

// most returns the most that any peer has of this branch's journal, as far as that is
// known.
func (v *Recovery) most() (most uint64) {
	for i := range v.claims {
		most = max(most, v.claims[i].most)
	}
	return most
}

// all reports whether every peer must have been heard.
func (v *Recovery) all() bool {
	return v.needAll || v.lost || v.most() > v.end()
}

// applied records that a batch of this branch's journal, which a peer has shown, is
// applied. If this branch served, it had lost the batch and did not know.
func (v *Recovery) applied(from *Peer) {
	v.lost = true
	v.claims[from.Index].again, v.claims[from.Index].broken = 0, false
	if v.State == protocol.Serving {
		v.State = protocol.Recovering
		v.intake.mayFetch(v.Self)
	}
	if from.advertised != nil {
		v.learn(from, from.advertised[v.Self])
	}
	v.agree()
}

// agree counts what peers have named of this branch's journal in their hellos, once more of
// it is here.
func (v *Recovery) agree() {
	for _, p := range v.Peers {
		switch {
		case p.has.Sequence > p.acked: // so p is not this branch
			v.progress.confirmHello(p)
		case !p.agreed && p.advertised != nil:
			v.progress.agree(p)
		}
		if p.Usable() && !p.agreed && p.has.Sequence > 0 && p.has.Sequence <= v.Head(v.Self) {
			v.intake.doubt(p, v.Self, p.has.Sequence, protocol.BadPosition, "it has another entry %d of this branch than is here", p.has.Sequence)
		}
	}
}

// review counts the claims that are met, and gives up those for which nothing was
// shown in time.
func (v *Recovery) review() {
	for i, p := range v.Peers {
		c := &v.claims[i]
		switch {
		case c.most == 0:
		case c.most <= v.end():
			if p.heard && v.progress.agree(p) { // else it has to show more, or says hello again
				v.heard[i], c.most = true, 0
			}
		case len(v.intake.pending.batches) > 0: // what the peer shows can't be applied yet
		case c.wait.inVain(v.Now, v.end()):
			v.alarms.Reject(p, protocol.BadPosition, true, "it has entry %d of this branch's journal, which ends at %d here: it shows no batch that proves it", c.most, v.Head(v.Self))
			c.most, c.broken = 0, true
		}
	}
}

// step begins to serve once enough has been heard from the peers.
func (v *Recovery) step() {
	if v.State != protocol.Recovering {
		return
	}
	v.review()
	if v.end() < v.most() || len(v.unheard()) > 0 {
		return
	}
	if !v.founding.bank.Founded || len(v.founding.outnumbered()) > 0 || len(v.intake.pending.batches) > 0 {
		return
	}
	v.State, v.lost = protocol.Serving, false
	v.intake.dropEarly(v.Self) // no peer has shown where they start
	v.Recheck = true
	if e := v.Ledger.Head(v.Self).Epoch; v.epoch <= e {
		v.epoch = e + 1
	}
	v.commit.Settled, v.commit.Sync = true, true
}

// nextTick returns when a claim lapses, or a stranger no longer counts.
func (v *Recovery) nextTick() protocol.Millis {
	next := protocol.Never
	if v.State != protocol.Recovering {
		return next
	}
	for i, p := range v.Peers {
		if at := v.founding.strangeUntil(p); at > v.Now {
			next = min(next, at)
		}
		if c := &v.claims[i]; c.most > v.Head(v.Self) && len(v.intake.pending.batches) == 0 {
			next = min(next, c.wait.at+fetchRetry)
		}
	}
	if v.waits() {
		next = min(next, v.booted+v.Config.StartWait)
	}
	return next
}

// unheard returns the peers that must be heard before this branch writes: all, or
// those that may be heard soon.
func (v *Recovery) unheard() []ledger.BranchID {
	var out []ledger.BranchID
	all := v.all()
	for i, p := range v.Peers {
		soon := !v.claims[i].broken && (p.reachable || v.waits() && v.founding.strangers[i] == "")
		if i != v.Self && !v.heard[i] && (all || soon) {
			out = append(out, p.Branch)
		}
	}
	return out
}

// halt stops this branch from writing: its own journal has forked.
func (v *Recovery) halt(text string) {
	v.State, v.reason = protocol.Halted, text
	v.Recheck = true           // calls that wait are refused now
	v.intake.dropEarly(v.Self) // nothing more of it is applied
}

// unhear takes back what a peer has said: the batches that it has of this branch's journal
// don't count.
func (v *Recovery) unhear(p *Peer) {
	v.heard[p.Index], v.claims[p.Index].most = false, 0
}

// StateReason says in words why the branch takes no writes.
func (v *Recovery) StateReason() string {
	switch {
	case v.State == protocol.Halted:
		return "the journal of this branch has forked: " + v.reason
	case v.State == protocol.Serving:
		return ""
	case len(v.founding.outnumbered()) > 0:
		return fmt.Sprintf("this branch belongs to %v, and %s to another bank, which the alarms name", v.founding.bank, words.Branches(v.founding.outnumbered(), 8))
	case !v.founding.bank.Founded && len(v.founding.unmet()) > 0:
		return "this branch's disk is empty, and its bank is not founded yet: all branches agree on its id first; this branch waits for " + words.Branches(v.founding.unmet(), 8)
	case !v.founding.bank.Founded:
		return fmt.Sprintf("this branch's disk is empty, and its bank is not founded yet: this branch waits for branch %d to found it", v.Peers[0].Branch)
	case len(v.unheard()) > 0 && v.Config.Copied && v.needAll:
		return "this branch's data directory is a copy, or was restored from one, and may be old: it has to hear from every branch before it writes; it waits for " + words.Branches(v.unheard(), 8)
	case len(v.intake.pending.batches) > 0:
		return v.intake.pending.String()
	case len(v.unheard()) > 0 && v.needAll && !v.Config.Settled && v.intake.forks.of(v.Config.ID):
		return "the journal of this branch had forked, and it has to hear from every branch before it writes; it waits for " + words.Branches(v.unheard(), 8)
	case len(v.unheard()) > 0 && v.needAll && v.most() <= v.Head(v.Self):
		return "this branch's disk is empty, and it has to hear from every branch before it writes; it waits for " + words.Branches(v.unheard(), 8)
	case len(v.unheard()) > 0:
		return "this branch asks what the others hold of its journal; it waits for " + words.Branches(v.unheard(), 8)
	}
	return fmt.Sprintf("this branch fetches its own journal back: it has entry %d of %d", v.Head(v.Self), v.most())
}

// NotServing returns why the branch takes no writes.
func (v *Recovery) NotServing() error {
	return &protocol.UnavailableError{Reason: v.StateReason()}
}
