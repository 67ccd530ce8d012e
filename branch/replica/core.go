package replica

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// core is what all parts of a replica know: which branch this is, the time, the
// ledger, the peers, and what the Ready that is being made will say.
type core struct {
	// cfg is what the replica was told when it started.
	cfg Config
	// ledger is this branch's view.
	ledger *ledger.Ledger
	// self is the index of this branch, n how many branches there are.
	self, n int
	// peers are the branches by their indexes, this one included.
	peers []*peer
	// now is the time, booted when this branch started.
	now, booted Millis
	// epoch is the number of this boot.
	epoch uint64
	// state is whether the branch takes writes. Only recovery changes it.
	state State
	// err is of a read from disk that did not work: the branch must stop.
	err error
	// synced is how far each journal is synced on this disk, by index.
	synced []uint64
	// recheck says that something has changed which any call may wait for: this
	// Ready decides again whatever waits.
	recheck bool
	// commit is what this Ready commits.
	commit ledger.Commit
	// out is what it lets out after that.
	out Ready
	// session is this branch's view, shared by the replies of a Ready; nil when it
	// has to be made anew.
	session []ledger.Position
}

func newCore(cfg Config, self int) core {
	n := len(cfg.Ledger.Branches())
	cfg.StartWait = max(cfg.StartWait, cfg.PeerTimeout)
	c := core{cfg: cfg, ledger: cfg.Ledger, self: self, n: n, now: cfg.Now, booted: cfg.Now, epoch: cfg.Epoch, state: Recovering, synced: make([]uint64, n)}
	for i, b := range cfg.Ledger.Branches() {
		c.peers = append(c.peers, &peer{branch: b, index: i, reachable: true, since: cfg.Now})
		c.synced[i] = cfg.Ledger.Head(i).Sequence
	}
	return c
}

// head returns how far the i-th journal is applied.
func (c *core) head(i int) uint64 { return c.ledger.Head(i).Sequence }

// fail stops the branch: its disk does not give back what it took.
func (c *core) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// send gives a message to a peer, once the commit has succeeded.
func (c *core) send(p *peer, m Message) {
	m.From, m.To = c.cfg.ID, p.branch
	c.out.Messages = append(c.out.Messages, m)
}

// reply answers a call, once the commit has succeeded.
func (c *core) reply(rep Reply) { c.out.Replies = append(c.out.Replies, rep) }

// seen returns a session merged with this branch's view.
func (c *core) seen(session []ledger.Position) []ledger.Position {
	if c.session == nil {
		c.session = make([]ledger.Position, 0, c.n)
		for i, p := range c.peers {
			if s := c.head(i); s > 0 {
				c.session = append(c.session, ledger.Position{Branch: p.branch, Sequence: s})
			}
		}
	}
	return mergeSessions(session, c.session)
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

// syncApplied has this Ready's commit sync all that is applied.
func (c *core) syncApplied() {
	for i := range c.synced {
		if c.head(i) > c.synced[i] {
			c.commit.Sync = true
		}
	}
}

// callable reports whether a call to a peer has a chance.
func (c *core) callable(p *peer) bool { return p.linked && p.heard && c.now >= p.suspectUntil }

// suspect keeps a peer from being called for a while, unless it is heard from.
func (c *core) suspect(p *peer) { p.suspectUntil = c.now + c.cfg.PeerTimeout }

// unavailable describes what an answer lacks: the unreachable branches, and
// what they hold in this view.
func (c *core) unavailable(account string, amount ledger.Amount, reason string) error {
	err := &UnavailableError{Branch: c.cfg.ID, Account: account, Amount: amount, Available: c.ledger.Escrow(account, c.self), Reason: reason}
	for i, p := range c.peers {
		if i != c.self && !c.callable(p) {
			err.Held = append(err.Held, Held{Branch: p.branch, Escrow: c.ledger.Escrow(account, i)})
		}
	}
	return err
}

// waits reports whether the branch has just started, and waits for its peers
// though it need not hear them: they may know better what it had written.
func (c *core) waits() bool { return c.now-c.booted < c.cfg.StartWait }

// tooFarAhead reports whether an entry of the i-th journal is more than a bound
// ahead of what is applied here.
func (c *core) tooFarAhead(i int, sequence, lead uint64) bool {
	head := c.head(i)
	return sequence > ledger.MaxSequence || sequence > head && sequence-head > lead
}
