package api

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// contestToProto encodes what a frame says of contested accounts.
func contestToProto(c *protocol.Contest) *bankv1.Contest {
	out := &bankv1.Contest{Summons: c.Summons, Clock: c.Clock}
	for i := range c.Looks {
		l := &c.Looks[i]
		out.Looks = append(out.Looks, &bankv1.ContestLook{
			Account: l.Account, Chain: l.Chain, Step: l.Step, ProvenStep: l.Proven, Balance: int64(l.Balance),
			Want: int64(l.Want), Oldest: &bankv1.Ticket{Clock: l.Oldest.Clock, Branch: uint32(l.Oldest.Branch)}, Freeze: l.Freeze, Firm: l.Firm,
		})
	}
	for i := range c.Answers {
		a := &c.Answers[i]
		answer := &bankv1.ContestAnswer{
			Account: a.Account, Chain: a.Chain, Step: a.Step, BeforeSequence: a.Before, LastSequence: a.Last,
			Paid: int64(a.Paid), MostPaid: int64(a.Most), MostKnown: a.MostKnown, Failed: a.Failed,
		}
		for _, w := range a.Waiting {
			answer.Waiting = append(answer.Waiting, &bankv1.ContestWait{Clock: w.Clock, Amount: int64(w.Amount)})
		}
		out.Answers = append(out.Answers, answer)
	}
	for i := range c.Ends {
		out.Ends = append(out.Ends, &bankv1.ContestEnd{Account: c.Ends[i].Account, Chain: c.Ends[i].Chain, Failed: c.Ends[i].Failed})
	}
	return out
}

// contestFromProto decodes the same. What it says is still to be checked.
func contestFromProto(in *bankv1.Contest) *protocol.Contest {
	out := &protocol.Contest{Summons: in.GetSummons(), Clock: in.GetClock()}
	for _, l := range in.GetLooks() {
		out.Looks = append(out.Looks, protocol.ContestLook{
			Account: l.GetAccount(), Chain: l.GetChain(), Step: l.GetStep(), Proven: l.GetProvenStep(), Balance: ledger.Amount(l.GetBalance()),
			Want:   ledger.Amount(l.GetWant()),
			Oldest: protocol.Ticket{Clock: l.GetOldest().GetClock(), Branch: ledger.BranchID(l.GetOldest().GetBranch())}, Freeze: l.GetFreeze(), Firm: l.GetFirm(),
		})
	}
	for _, a := range in.GetAnswers() {
		answer := protocol.ContestAnswer{
			Account: a.GetAccount(), Chain: a.GetChain(), Step: a.GetStep(), Before: a.GetBeforeSequence(), Last: a.GetLastSequence(),
			Paid: ledger.Amount(a.GetPaid()), Most: ledger.Amount(a.GetMostPaid()), MostKnown: a.GetMostKnown(), Failed: a.GetFailed(),
		}
		for _, w := range a.GetWaiting() {
			answer.Waiting = append(answer.Waiting, protocol.ContestWait{Clock: w.GetClock(), Amount: ledger.Amount(w.GetAmount())})
		}
		out.Answers = append(out.Answers, answer)
	}
	for _, e := range in.GetEnds() {
		out.Ends = append(out.Ends, protocol.ContestEnd{Account: e.GetAccount(), Chain: e.GetChain(), Failed: e.GetFailed()})
	}
	return out
}
