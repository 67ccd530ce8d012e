package simulation

import (
	"math"
	"slices"
	"strings"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// A liar says things that are well formed and not true, in any peer's name. A lie
// takes the place of a message, or of a part of it, when that arrives, so the liar
// knows what the receiver has. Some lies are left out because nobody can tell them
// from the truth: numbers that were true at an earlier time, and, where branches don't
// sign, whole batches that follow the one before them and may be posted.

// liar puts lies in the place of messages, if the run has a liar.
type liar struct {
	*world
	// hellos are the latest hellos, by the branches that said them and heard them.
	hellos map[[2]ledger.BranchID]*protocol.Hello
}

// lie returns the message that arrives at a branch in the place of another.
func (w *liar) lie(r *replica.Replica, m protocol.Message) protocol.Message {
	if f := m.Frame; f != nil && f.Hello != nil {
		w.hellos[[2]ledger.BranchID{m.From, m.To}] = f.Hello
	}
	if !w.opts.Liar || w.calm || w.sheltered != nil || !w.chance(w.faults.lie) {
		return m
	}
	w.report.Faults["message that lies"]++
	switch {
	case m.Frame != nil:
		f := *m.Frame
		m.Frame = &f
		w.lieInFrame(r, m.From, m.To, &f)
	case m.Claim != nil:
		c := *m.Claim
		m.Claim = &c
		w.lieInClaim(&c)
	case m.ClaimAnswer != nil:
		a := *m.ClaimAnswer
		m.ClaimAnswer = &a
		a.Granted, a.Sequence = ledger.Amount(w.extreme()), w.extreme()
	case m.Collect != nil:
		c := *m.Collect
		m.Collect = &c
		c.Collect, c.Look, c.Freeze = 1<<63+w.extreme()/2, w.extreme(), w.chance(0.5)
		switch w.rng.IntN(4) {
		case 0:
			c.Mark = tooFar + w.extreme()/2
		case 1:
			c.Clock = tooFar + w.extreme()/2
		}
	case m.CollectAnswer != nil:
		a := *m.CollectAnswer
		m.CollectAnswer = &a
		w.lieInLook(r, &a)
	}
	w.note("branch %d gets a lie instead: %v", m.To, messageText{&m})
	return m
}

// extreme returns a number at which something may break.
func (w *liar) extreme() uint64 {
	n := []uint64{0, 1, 2, 1 << 31, 1 << 32, 1 << 40, 1 << 53, 1 << 61, 1 << 62, 1 << 63, 0}[w.rng.IntN(11)]
	return n + uint64(w.rng.IntN(3)) - 1
}

// above returns a number that is larger than another: by a little, or the largest.
func (w *liar) above(n uint64) uint64 {
	return max(n+1+uint64(w.rng.IntN(3)), w.extreme())
}

// tooFar is a clock or an epoch that is too far ahead at any time of a run, although lies push
// the clocks a little each.
const tooFar = 1 << 34

func (w *liar) lieInClaim(c *protocol.Claim) {
	switch w.rng.IntN(4) {
	case 0:
		c.Amount = ledger.Amount(w.extreme())
	case 1:
		c.Ticket.Clock = w.extreme()
	case 2:
		c.Ticket.Branch = ledger.BranchID(w.extreme())
	default:
		c.Account = ""
	}
}

// lieInLook answers a look with a sum that no branch can have paid.
func (w *liar) lieInLook(r *replica.Replica, a *protocol.CollectAnswer) {
	over := r.Ledger().Limit() + 2 + ledger.Amount(w.rng.Int64N(int64(r.Ledger().Limit())/2))
	switch w.rng.IntN(5) {
	case 4:
		a.Clock = tooFar + w.extreme()/2
	case 0:
		a.Last = ledger.MaxSequence + 1 + w.extreme()/2
	case 1:
		a.Paid = over
	case 2:
		a.Most, a.MostKnown = over, true
	default:
		a.Paid = math.MinInt64 + ledger.Amount(w.rng.IntN(3))
	}
}

func (w *liar) lieInFrame(r *replica.Replica, from, to ledger.BranchID, f *protocol.Frame) {
	view := r.Ledger()
	own, _ := view.Index(to)
	hello := w.hellos[[2]ledger.BranchID{from, to}]
	if r.State() == protocol.Recovering {
		hello = f.Hello // an old one may name less than there is by now
	}
	switch w.rng.IntN(9) {
	case 0, 1:
		if hello != nil {
			f.Hello = w.lyingHello(view, hello, to)
		}
	case 2:
		f.Ack = &protocol.Ack{Applied: w.above(view.Head(own).Sequence), Synced: w.extreme(), Forked: w.chance(0.2)}
	case 3:
		f.Ack = &protocol.Ack{Applied: 0, Synced: 0, Forked: true}
	case 4:
		f.Wants = nil
		for range w.rng.IntN(2 * len(w.branches)) {
			f.Wants = append(f.Wants, ledger.Position{Branch: w.anyID(), Sequence: w.extreme()})
		}
	case 5:
		f.Sync = true
	case 6:
		f.Contest = w.lyingContest()
	default:
		s := w.lyingBatch(view, to)
		if w.opts.Signed && w.chance(0.5) {
			s = w.forgedBatch(view)
		}
		if s != nil {
			f.Batches = append([]*ledger.Sealed{s}, f.Batches...) // before one in whose place it may be
		}
	}
}

// lyingContest says of contested accounts what no branch says.
func (w *liar) lyingContest() *protocol.Contest {
	account := w.accounts[w.rng.IntN(len(w.accounts))]
	look := protocol.ContestLook{Account: account, Chain: max(1, w.extreme()), Step: 2, Proven: 1}
	answer := protocol.ContestAnswer{Account: account, Chain: w.extreme(), Step: w.extreme()}
	switch w.rng.IntN(8) {
	case 0:
		look.Step, look.Proven = 0, w.extreme()
	case 1:
		look.Balance = -1 - ledger.Amount(w.extreme()>>1)
	case 2:
		look.Want = -1 - ledger.Amount(w.extreme()>>1)
	case 3:
		look.Oldest.Clock = max(1<<63, w.extreme())
	case 4:
		answer.Before, answer.Last = w.above(5), 5
		return &protocol.Contest{Answers: []protocol.ContestAnswer{answer}}
	case 5:
		answer.Paid = math.MinInt64 + ledger.Amount(w.rng.IntN(3))
		return &protocol.Contest{Answers: []protocol.ContestAnswer{answer}}
	case 6:
		answer.Waiting = []protocol.ContestWait{{Clock: 1, Amount: -ledger.Amount(w.extreme() >> 1)}}
		return &protocol.Contest{Answers: []protocol.ContestAnswer{answer}}
	default:
		return &protocol.Contest{Summons: []string{""}, Ends: []protocol.ContestEnd{{Account: account, Chain: w.extreme()}}}
	}
	return &protocol.Contest{Looks: []protocol.ContestLook{look}}
}

// anyID returns the id of a branch, now and then of one that the bank does not have.
func (w *liar) anyID() ledger.BranchID {
	if w.chance(0.1) {
		return ledger.BranchID(w.extreme())
	}
	return w.branches[w.rng.IntN(len(w.branches))]
}

// lyingHello replaces something that a hello says by something untrue.
func (w *liar) lyingHello(view *ledger.Ledger, true *protocol.Hello, to ledger.BranchID) *protocol.Hello {
	h := *true
	h.Applied = slices.Clone(h.Applied)
	at := func(b ledger.BranchID) *ledger.MarkedPosition {
		k := slices.IndexFunc(h.Applied, func(m ledger.MarkedPosition) bool { return m.Branch == b })
		if k < 0 {
			k = len(h.Applied)
			h.Applied = append(h.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: b}})
		}
		return &h.Applied[k]
	}
	switch w.rng.IntN(6) {
	case 0:
		n := w.above(1 << 33)
		if w.opts.Signed && n%2 == 1 { // more of the receiver's journal than anybody has, and it can't be posted
			h.Holds = n
			break
		}
		h.Epoch = n
	case 1:
		h.Branch = w.anyID()
	case 2, 3: // more of its journal than it has, or of another's
		b := to
		if w.chance(0.5) {
			b = w.branches[w.rng.IntN(len(w.branches))]
		}
		i, _ := view.Index(b)
		m := at(b)
		head := view.Head(i).Sequence
		if m.Sequence < head && w.chance(0.5) {
			m.Sequence = head
		} else {
			m.Sequence = w.above(max(m.Sequence, head))
		}
		m.Hash = ledger.Hash{1, byte(w.rng.IntN(256))}
	case 4: // another batch than is there
		m := at(w.branches[w.rng.IntN(len(w.branches))])
		if m.Sequence > 0 {
			m.Hash = ledger.Hash{2, byte(w.rng.IntN(256))}
		}
	default:
		for range 1 + w.rng.IntN(len(w.branches)) {
			h.Applied = append(h.Applied, ledger.MarkedPosition{Position: ledger.Position{Branch: w.anyID(), Sequence: w.above(0)}})
		}
	}
	return &h
}

// lyingBatch returns a batch of any branch that its receiver must not apply: it is
// in no place where it could be true, or it says something impossible.
func (w *liar) lyingBatch(view *ledger.Ledger, to ledger.BranchID) *ledger.Sealed {
	i := w.rng.IntN(len(w.branches))
	journal := w.anyProcess().disk.Journal(i)
	head := view.Head(i)
	b := &ledger.Batch{Branch: w.branches[i], Epoch: head.Epoch, FirstSequence: head.Sequence + 1, PrevHash: head.Hash}
	b.Entries = []ledger.Entry{{Sequence: b.FirstSequence, Clock: view.Clock() + 1, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}}
	if len(journal) > 0 && w.chance(0.5) {
		old := *journal[w.rng.IntN(len(journal))].Batch
		old.Entries = slices.Clone(old.Entries)
		b = &old
	}
	last := &b.Entries[len(b.Entries)-1]
	switch w.rng.IntN(6) {
	case 0:
		last.Clock = max(tooFar, w.extreme()%(ledger.MaxClock+1))
	case 1:
		b.Epoch = max(tooFar, w.extreme()%(ledger.MaxEpoch+1))
	case 2:
		b.PrevHash = ledger.Hash{3, byte(w.rng.IntN(256))}
		w.shift(b)
	case 3: // after an entry that nobody has
		w.shift(b)
		b.PrevHash = ledger.Hash{4, byte(w.rng.IntN(256))}
		b.After = []ledger.Position{{Branch: w.branches[(i+1)%len(w.branches)], Sequence: w.above(0) % ledger.MaxSequence}}
	case 4: // of the receiver
		b.Branch, b.PrevHash, b.After = to, ledger.Hash{5, byte(w.rng.IntN(256))}, nil
	default: // more than an account can have, in the place of the next one
		if b.Branch == to || b.FirstSequence != head.Sequence+1 || b.PrevHash != head.Hash {
			return nil
		}
		last.Kind, last.Account, last.ToAccount, last.ToBranch, last.Operations, last.Amount = ledger.Deposit, ledger.SharedAccount, "", 0, nil, ledger.MaxAmount
		b.After = nil
	}
	s := ledger.NewSealed(b)
	if _, err := ledger.OpenSealed(s.Bytes, s.Hash); err != nil {
		return nil // the wire's own checks refuse it
	}
	return s
}

// shift moves a batch to where it does not belong.
func (w *liar) shift(b *ledger.Batch) {
	b.FirstSequence = w.above(0) % ledger.MaxSequence
	if b.FirstSequence == 0 || w.chance(0.3) {
		b.FirstSequence = 1 + uint64(w.rng.IntN(50))
	}
	for k := range b.Entries {
		b.Entries[k].Sequence = b.FirstSequence + uint64(k)
	}
}

// checkLied checks the alarms of a branch that was lied to. It may raise alarms
// about lies, but none about a fork.
func (o *oracle) checkLied(p *process) {
	s := p.replica.Status()
	told := func(alarm string) bool {
		return strings.Contains(alarm, "was refused") || strings.Contains(alarm, "is applied no further with what was sent")
	}
	if s.State == protocol.Halted || slices.ContainsFunc(s.Alarms, func(a string) bool { return !told(a) }) {
		o.w.fail("nobody halts, and no fork is told, for a lie", "branch %d: %s %v", p.id, s.Reason, s.Alarms)
	}
}
