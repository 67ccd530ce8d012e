package simulation

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// The rarer paths of the protocol are counted from outside, by what the
// branches say to each other, so that the production code needs no counters.

// paths counts those rarer paths.
type paths struct {
	*world
	// asked is the latest look that a branch has asked for.
	asked protocol.Collect
	// claimed are the accounts that were claimed first under each ticket.
	claimed map[protocol.Ticket]string
}

// countMessage counts a message that a branch lets out.
func (w *paths) countMessage(m *protocol.Message) {
	paths := w.report.Paths
	switch {
	case m.Frame != nil:
		w.countFrame(m)
	case m.Claim != nil:
		paths["claim"]++
		w.countAccounts(m)
	case m.ClaimAnswer != nil:
		paths["claim answer"]++
		if m.ClaimAnswer.Granted == 0 {
			paths["claim answered with nothing"]++
		}
	case m.CollectAnswer != nil:
		paths["look answer"]++
	case m.Collect != nil:
		paths["look"]++
		w.asked = *m.Collect
		if m.Collect.Look > 2 {
			paths["double collect retried"]++
		}
		if m.Collect.Freeze {
			paths["look that freezes"]++
		}
	}
}

// countAccounts counts the writes that claim a second account: bulks alone do.
func (w *paths) countAccounts(m *protocol.Message) {
	first, ok := w.claimed[m.Claim.Ticket]
	switch {
	case !ok:
		w.claimed[m.Claim.Ticket] = m.Claim.Account
	case first != m.Claim.Account && first != "":
		w.claimed[m.Claim.Ticket] = "" // counted
		w.report.Paths["bulk that waited for two accounts"]++
	}
}

func (w *paths) countFrame(m *protocol.Message) {
	f, paths := m.Frame, w.report.Paths
	paths["frame"]++
	if f.Hello != nil {
		paths["frame with hello"]++
	}
	if len(f.Wants) > 0 {
		paths["frame with a fetch"]++
	}
	if f.Sync {
		paths["frame that asks to sync"]++
	}
	if f.Ack != nil && f.Ack.Forked {
		paths["frame with a fork alarm"]++
	}
	if len(f.Batches) > 0 && f.Batches[0].Batch.Branch != m.From {
		paths["frame of relayed batches"]++
	}
	if f.Contest != nil {
		w.countContest(f.Contest)
	}
}

// countContest counts what is said of contested accounts.
func (w *paths) countContest(c *protocol.Contest) {
	paths := w.report.Paths
	paths["summons to a chair"] += len(c.Summons)
	for i := range c.Looks {
		l := &c.Looks[i]
		paths["chained look"]++
		if l.Proven > 0 {
			paths["chained look with a proven balance"]++
		}
		if l.Want > 0 {
			paths["chained look that wants escrow"]++
		}
		if l.Firm {
			paths["chained look that is firm"]++
		}
	}
	for i := range c.Answers {
		if c.Answers[i].Failed {
			paths["chained look that can't be answered"]++
		}
		if c.Answers[i].Before != c.Answers[i].Last {
			paths["chained look that has let something go on"]++
		}
	}
	for i := range c.Ends {
		if c.Ends[i].Failed {
			paths["chain that has failed"]++
		}
	}
}

// countSent counts what a branch sends a second time on one link.
func (p *process) countSent(m *protocol.Message) {
	to := p.w.processOf(m.To).index
	if m.ClaimAnswer != nil {
		delete(p.claims, callKey{to, m.ClaimAnswer.ID})
	}
	if m.Frame == nil {
		return
	}
	s := &p.sent[to]
	if s.incarnation != p.links[to] {
		*s = sentOn{incarnation: p.links[to]}
	}
	for _, b := range m.Frame.Outlines {
		if b.Span.Branch != p.id {
			continue
		}
		if b.Span.Last <= s.last {
			p.w.report.Paths["own batch sent again"]++
		}
		s.last = max(s.last, b.Span.Last)
	}
}

// countDeferred counts the claims that came in before the last turn and were
// not answered in it: an older withdrawal waits.
func (p *process) countDeferred() {
	if len(p.inbox) > 0 {
		return // some may not have been looked at
	}
	for key, counted := range p.claims {
		if !counted {
			p.claims[key] = true
			p.w.report.Paths["claim deferred by an older ticket"]++
		}
	}
}

// countAhead counts the commits that a branch makes for grants alone, which nobody has asked
// for.
func (p *process) countAhead(ready *protocol.Ready) {
	grants := 0
	for _, b := range ready.Commit.Batches {
		for i := range b.Batch.Entries {
			switch {
			case b.Batch.Branch != p.id:
			case b.Batch.Entries[i].Kind != ledger.Grant:
				return
			default:
				grants++
			}
		}
	}
	for i := range ready.Messages {
		if m := &ready.Messages[i]; m.ClaimAnswer != nil || m.Frame != nil && m.Frame.Contest != nil {
			return
		}
	}
	if grants > 0 {
		p.w.report.Paths["grant ahead"]++
	}
}

// countEarly counts the batches that are kept until others have come.
func (w *paths) countEarly(r *replica.Replica, f *protocol.Frame) {
	if f == nil {
		return
	}
	for _, b := range f.Batches {
		if i, ok := r.Ledger().Index(b.Batch.Branch); ok && b.Batch.LastSequence() > r.Ledger().Head(i).Sequence {
			w.report.Paths["early batch"]++
		}
	}
}

// flood makes more withdrawals wait at one branch than it has room for.
func flood(w *world) {
	p, account := w.anyProcess(), w.accounts[w.rng.IntN(len(w.accounts))]
	if w.flooded || !p.up() || p.replica.State() != protocol.Serving {
		return
	}
	l := p.replica.Ledger()
	amount := l.Balance(account)
	if l.Escrow(account, p.index) >= amount || len(w.processes) > 5 || !w.chance(0.2) {
		return
	}
	w.flooded = true
	w.report.Faults["flood of withdrawals"]++
	for range floodCalls {
		w.call(&request{
			entry: ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: amount, CustomerID: 1_000}, level: protocol.Local, home: p.id,
			done: func(protocol.Reply) {},
		}, p, 0, 0)
	}
}

// floodCalls is more than one account's queue holds.
const floodCalls = 4200
