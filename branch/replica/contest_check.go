package replica

import (
	"fmt"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// check reports what may not be said of contested accounts.
func (cs *contests) check(p *broadcast.Peer, in *protocol.Contest) (protocol.Lie, string) {
	if n := max(len(in.Summons), len(in.Looks), len(in.Answers), len(in.Ends)); n > maxContestWords {
		return protocol.BadForm, fmt.Sprintf("%d of one kind in a frame, at most %d are allowed", n, maxContestWords)
	}
	if cs.collects.isAhead(in.Clock) {
		return protocol.BadClock, fmt.Sprintf("clock %d", in.Clock)
	}
	for _, account := range in.Summons {
		if badName(account) || cs.chairOf(account) != cs.Self {
			return protocol.BadForm, fmt.Sprintf("a summons to account %q, of which this branch is not the chair", account)
		}
	}
	for i := range in.Looks {
		if lie, problem := cs.checkLook(p, &in.Looks[i]); lie != 0 {
			return lie, "a look: " + problem
		}
	}
	for i := range in.Answers {
		if lie, problem := cs.checkAnswer(p, &in.Answers[i]); lie != 0 {
			return lie, "an answer: " + problem
		}
	}
	for i := range in.Ends {
		if e := &in.Ends[i]; badName(e.Account) || cs.chairOf(e.Account) != p.Index {
			return protocol.BadForm, fmt.Sprintf("the end of a chain of account %q, of which the branch is not the chair", e.Account)
		}
	}
	return 0, ""
}

func (cs *contests) checkLook(p *broadcast.Peer, l *protocol.ContestLook) (protocol.Lie, string) {
	switch {
	case badName(l.Account) || cs.chairOf(l.Account) != p.Index:
		return protocol.BadForm, fmt.Sprintf("account %q, of which the branch is not the chair", l.Account)
	case l.Chain == 0 || l.Step == 0 || l.Step > maxLook || l.Proven >= l.Step:
		return protocol.BadForm, fmt.Sprintf("look %d of chain %d, the moment of look %d proven", l.Step, l.Chain, l.Proven)
	case l.Balance < 0 || l.Want < 0:
		return protocol.BadForm, fmt.Sprintf("balance %d, %d wanted", l.Balance, l.Want)
	case cs.collects.isAhead(l.Oldest.Clock):
		return protocol.BadClock, fmt.Sprintf("ticket: clock %d", l.Oldest.Clock)
	}
	return 0, ""
}

func (cs *contests) checkAnswer(p *broadcast.Peer, a *protocol.ContestAnswer) (protocol.Lie, string) {
	most, least := paidBounds(cs.Core)
	switch {
	case badName(a.Account) || cs.chairOf(a.Account) != cs.Self:
		return protocol.BadForm, fmt.Sprintf("account %q, of which this branch is not the chair", a.Account)
	case a.Before > a.Last || cs.TooFarAhead(p.Index, a.Last, ledger.MaxSequenceLead/2):
		return protocol.BadPosition, fmt.Sprintf("last entry %d, before %d", a.Last, a.Before)
	case a.Paid > most || a.Paid < least || a.Most > most || a.Most < least:
		return protocol.BadAnswer, fmt.Sprintf("paid %d, at most %d before: a branch pays in %d at most", a.Paid, a.Most, most)
	case len(a.Waiting) > maxContestWaits:
		return protocol.BadForm, fmt.Sprintf("%d wait, at most %d may be named", len(a.Waiting), maxContestWaits)
	}
	for _, w := range a.Waiting {
		switch {
		case w.Amount <= 0:
			return protocol.BadForm, fmt.Sprintf("amount %d waits", w.Amount)
		case cs.collects.isAhead(w.Clock):
			return protocol.BadClock, fmt.Sprintf("ticket: clock %d", w.Clock)
		}
	}
	return 0, ""
}

// badName reports whether no account can have a name.
func badName(account string) bool { return account == "" || len(account) > ledger.MaxNameBytes }

// paidBounds returns the most that a branch can have paid into an account, and the least:
// none pays in more than its limit, or takes out more than the others together may pay in.
func paidBounds(c *broadcast.Core) (most, least ledger.Amount) {
	most = c.Ledger.Limit() + 1 // the remainder of the opening balance
	return most, -most * ledger.Amount(c.N-1)
}
