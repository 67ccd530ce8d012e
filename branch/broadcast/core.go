package broadcast

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Core is what all parts of a replica know: which branch this is, the time, the
// ledger, the peers, and what the Ready that is being made will say.
type Core struct {
	// Config is what the replica was told when it started.
	Config protocol.Config
	// Ledger is this branch's view.
	Ledger *ledger.Ledger
	// Self is the index of this branch, N how many branches there are.
	Self, N int
	// Peers are the branches by their indexes, this one included.
	Peers []*Peer
	// Now is the time, booted when this branch started.
	Now, booted protocol.Millis
	// epoch is the number of this boot.
	epoch uint64
	// told is the latest Lamport time that a peer has told of, and early how often this
	// branch has not waited for a peer, see Early.
	told, early uint64
	// last is the Lamport time of the last own entry, or a later one.
	last uint64
	// State is whether the branch takes writes. Only recovery changes it.
	State protocol.State
	// failure is the error of a read from disk, after which the branch must stop.
	failure error
	// synced is how far each journal is synced on this disk, by index.
	synced []uint64
	// suspects are the peers that are suspected, and perhaps some that were.
	suspects indexes
	// Recheck says that something has changed for which any call may wait: this Ready
	// decides all waiting calls again.
	Recheck bool
	// commit is what this Ready commits, lastCommit what the one before did.
	commit, lastCommit ledger.Commit
	// out is what it sends after that, lastOut what the one before did.
	out, lastOut protocol.Ready
	// session is this branch's view, shared by the replies of a Ready; nil when it
	// has to be made anew.
	session []ledger.Position
}

func newCore(cfg protocol.Config, self int) Core {
	n := len(cfg.Ledger.Branches())
	cfg.StartWait = max(cfg.StartWait, cfg.PeerTimeout)
	c := Core{Config: cfg, Ledger: cfg.Ledger, Self: self, N: n, Now: cfg.Now, booted: cfg.Now, epoch: cfg.Epoch, last: cfg.Ledger.Clock(), State: protocol.Recovering, synced: make([]uint64, n), suspects: newIndexes(n)}
	for i, b := range cfg.Ledger.Branches() {
		c.Peers = append(c.Peers, &Peer{Branch: b, Index: i, reachable: true, since: cfg.Now})
		c.synced[i] = cfg.Ledger.Head(i).Sequence
	}
	return c
}

// Head returns how far the i-th journal is applied.
func (c *Core) Head(i int) uint64 { return c.Ledger.Head(i).Sequence }

// Clock returns this branch's Lamport time. The next own entry has a later one.
func (c *Core) Clock() uint64 { return max(c.Ledger.Clock(), c.told) }

// LastClock returns the Lamport time of the last own entry, or a later one: after a start,
// and after CountAsOwn.
func (c *Core) LastClock() uint64 { return c.last }

// CountAsOwn makes LastClock no less than a time.
func (c *Core) CountAsOwn(clock uint64) { c.last = max(c.last, clock) }

// Follow makes this branch's Lamport time no less than that of a peer, as far as other
// branches bear it, and reports whether it is.
func (c *Core) Follow(clock uint64) bool {
	c.told = max(c.told, min(clock, c.Ledger.Clock()+maxFollow))
	return c.Clock() >= clock
}

// Early returns how often this branch has ceased to wait for a peer. While it does not
// change, and all are reachable, no write at [protocol.Reachable] is acknowledged
// before every branch has applied it.
func (c *Core) Early() uint64 { return c.early }

// AllReachable reports whether all peers are.
func (c *Core) AllReachable() bool {
	for i, p := range c.Peers {
		if i != c.Self && !p.reachable {
			return false
		}
	}
	return true
}

// fail stops the branch: its disk does not return what was written to it.
func (c *Core) fail(err error) {
	if c.failure == nil {
		c.failure = err
	}
}

// Send sends a message to a peer, once the commit has succeeded.
func (c *Core) Send(p *Peer, m protocol.Message) {
	m.From, m.To = c.Config.ID, p.Branch
	c.out.Messages = append(c.out.Messages, m)
}

// Reply answers a call, once the commit has succeeded.
func (c *Core) Reply(rep protocol.Reply) { c.out.Replies = append(c.out.Replies, rep) }

// Seen returns a session merged with this branch's view.
func (c *Core) Seen(session []ledger.Position) []ledger.Position {
	if c.session == nil {
		c.session = make([]ledger.Position, 0, c.N)
		for i, p := range c.Peers {
			if s := c.Head(i); s > 0 {
				c.session = append(c.session, ledger.Position{Branch: p.Branch, Sequence: s})
			}
		}
	}
	return mergeSessions(session, c.session)
}

// syncApplied makes this Ready's commit sync all that is applied.
func (c *Core) syncApplied() {
	for i := range c.synced {
		if c.Head(i) > c.synced[i] {
			c.commit.Sync = true
		}
	}
}

// Err returns the error of a read from disk, after which the branch must stop.
func (c *Core) Err() error { return c.failure }

// Callable reports whether a call to a peer has a chance.
func (c *Core) Callable(p *Peer) bool { return p.linked && p.heard && !p.suspected && !c.Silent(p) }

// Silent reports whether nothing comes from a peer that should have acked long ago: the
// road to it is cut, and nobody was told. It is sent a batch again and again.
func (c *Core) Silent(p *Peer) bool { return !p.reachable && c.Now-p.HeardAt >= c.Timeout(p) }

// Suspect keeps a peer from being called until it is heard from. It is told hello now and
// then, which it answers: one message asks for all callers.
func (c *Core) Suspect(p *Peer) {
	if !p.suspected {
		p.suspected, p.probeAt = true, c.Now
		c.suspects.add(p.Index)
	}
}

// Unavailable describes what an answer lacks: the unreachable branches, and
// the escrow that they own in this view.
func (c *Core) Unavailable(account string, amount ledger.Amount, reason string) error {
	err := &protocol.UnavailableError{Branch: c.Config.ID, Account: account, Amount: amount, Available: c.Ledger.Escrow(account, c.Self), Reason: reason}
	for i, p := range c.Peers {
		if i != c.Self && !c.Callable(p) {
			err.Held = append(err.Held, protocol.Held{Branch: p.Branch, Escrow: c.Ledger.Escrow(account, i)})
		}
	}
	return err
}

// waits reports whether the branch has just started, and waits for peers that it
// could serve without: they may know better what it had written.
func (c *Core) waits() bool { return c.Now-c.booted < c.Config.StartWait }

// StartIsOver reports whether the time is over during which a branch that has just
// started waits for its peers.
func (c *Core) StartIsOver() bool { return c.Now-c.booted >= c.Config.StartWait+c.Config.PeerTimeout }

// IsSynced reports whether an entry of the i-th journal is synced on this disk.
func (c *Core) IsSynced(i int, sequence uint64) bool { return c.synced[i] >= sequence }

// TooFarAhead reports whether an entry of the i-th journal is more than a bound
// ahead of what is applied here.
func (c *Core) TooFarAhead(i int, sequence, lead uint64) bool {
	head := c.Head(i)
	return sequence > ledger.MaxSequence || sequence > head && sequence-head > lead
}

// mergeSessions returns the larger position of each branch. It returns view
// itself when there is no session.
func mergeSessions(session, view []ledger.Position) []ledger.Position {
	if len(session) == 0 {
		return view
	}
	merged := slices.Clone(view)
	at := make(map[ledger.BranchID]int, len(view))
	for i, v := range view {
		at[v.Branch] = i
	}
	for _, s := range session {
		if i, ok := at[s.Branch]; ok {
			merged[i].Sequence = max(merged[i].Sequence, s.Sequence)
		} else {
			at[s.Branch] = len(merged)
			merged = append(merged, s)
		}
	}
	return merged
}
