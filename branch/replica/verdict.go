package replica

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// member is a call that waits for the verdict of a double collect.
type member struct {
	// call is the call itself.
	call judged
	// joined is the look at which it began to wait.
	joined uint64
}

// judged is a call that a double collect decides: a withdrawal that is more than
// the balance in this branch's view, or a strong query.
type judged interface {
	deadline() protocol.Millis
	// asks reports whether it is a query.
	asks() bool
	// amount is what it spends of the account; 0 for a query.
	amount() ledger.Amount
	// judge serves it, if the last two looks allow that.
	judge(cs *collects, c *collect, seen sums) bool
	// fail answers it with an error.
	fail(d *desk, err error)
}

// sums are what two looks have seen together.
type sums struct {
	// exact says that both have seen the same: now is the balance then, and a hint
	// otherwise. It is what the branches have paid by the second one.
	exact bool
	now   ledger.Amount
	// most is the most that the balance can have been between them; MaxAmount when
	// that is not known.
	most ledger.Amount
}

func (p *pending) asks() bool { return false }

func (a *asking) asks() bool { return true }

func (p *pending) amount() ledger.Amount {
	_, amount := p.needs()
	return amount
}

func (a *asking) amount() ledger.Amount { return 0 }

// compare returns what the last two looks have seen together.
func (c *collect) compare() sums {
	s := sums{exact: true}
	known := true
	for i := range c.answers {
		s.exact = s.exact && c.answers[i].Last == c.before[i].Last
		known = known && c.answers[i].MostKnown
		s.most += max(c.answers[i].Most, c.answers[i].Paid)
		s.now += c.answers[i].Paid
	}
	switch {
	case s.exact:
		s.most = s.now
	case !known:
		s.most = ledger.MaxAmount
	}
	return s
}

func (a *asking) judge(cs *collects, c *collect, seen sums) bool {
	if seen.exact {
		cs.replyStrong(c, a, seen.now)
	}
	return seen.exact
}

func (p *pending) judge(cs *collects, c *collect, seen sums) bool {
	_, amount := p.needs()
	switch {
	case seen.most < amount:
		cs.desk.refuse(p, &protocol.InsufficientError{Account: c.account, Balance: seen.most, Amount: amount})
	case seen.now >= amount:
		// Enough after all: the view was behind. It catches up while the
		// write waits for escrow like any other.
		q := cs.escrow.queueOf(c.account)
		q.insert(p)
		if cs.N == 1 {
			return true // the view is the balance
		}
		if q.pause > 0 {
			cs.contests.enter(c.account) // it has moved on again
		}
		q.pause = min(max(2*q.pause, claimPauseMin), claimPauseMax)
		q.pausedUntil = cs.Now + q.pause
	default:
		return false
	}
	return true
}

// replyStrong answers a strong query. Its session covers the entries that made
// the balance, also those that are not applied here yet.
func (cs *collects) replyStrong(c *collect, a *asking, balance ledger.Amount) {
	session := slices.Clone(a.query.Session)
	for i, p := range cs.Peers {
		if last := c.answers[i].Last; last > 0 {
			session = append(session, ledger.Position{Branch: p.Branch, Sequence: last})
		}
	}
	cs.Reply(protocol.Reply{ID: a.query.ID, Balance: balance, Available: cs.Ledger.Escrow(c.account, cs.Self), Session: cs.Seen(session)})
}

func (p *pending) fail(d *desk, err error) { d.refuse(p, err) }

func (a *asking) fail(d *desk, err error) { d.Reply(protocol.Reply{ID: a.query.ID, Err: err}) }
