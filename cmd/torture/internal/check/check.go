// Package check is the check from outside: it compares a history, which is what the
// customers saw, with evidence, which is what the branches list, and looks for an
// order in which each account can have seen it all. Reading the evidence takes
// calls; the checks themselves are pure. It knows histories; the run knows it.
package check

import (
	"bytes"
	"fmt"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// All compares what the customers saw with what the branches tell, when the
// customers are quiet and the branches have settled. It returns the first thing
// that is wrong, and says it precisely.
func All(h *history.History, ev *Evidence) error {
	for _, f := range []func() error{
		func() error { return h.Accused() },
		func() error { return checkHealth(ev) },
		func() error { return checkAgreement(ev) },
		func() error { return checkStatements(ev) },
		func() error { return checkWrites(h, ev.Reference()) },
		func() error { return checkReplays(h) },
		func() error { return checkSessions(h) },
		func() error { return checkReach(h) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// Reference is what the first branch tells. Once checkAgreement has passed, it
// stands for all of them.
func (ev *Evidence) Reference() *Testimony { return ev.branches[history.BranchIDs[0]] }

// checkHealth checks that every branch serves and has nothing to report.
func checkHealth(ev *Evidence) error {
	for _, id := range history.BranchIDs {
		s := ev.branches[id].status
		if len(s.GetAlarms()) > 0 {
			return fmt.Errorf("alarms: branch %d has %q", id, s.GetAlarms())
		}
		if s.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING {
			return fmt.Errorf("not serving: branch %d is %v: %s", id, s.GetState(), s.GetStateReason())
		}
	}
	return nil
}

// checkAgreement checks that all branches list the same journals, whole, and
// have the same balances and hashes.
func checkAgreement(ev *Evidence) error {
	ref := ev.Reference()
	for _, w := range history.BranchIDs {
		for i, e := range ref.Journals[w] {
			if e.Receipt != (history.Receipt{Branch: w, Sequence: uint64(i + 1)}) {
				return fmt.Errorf("gap: the journal of branch %d at branch %d has %v in place %d", w, ref.branch, e.Receipt, i+1)
			}
		}
	}
	for _, id := range history.BranchIDs {
		t := ev.branches[id]
		for _, w := range history.BranchIDs {
			if i := firstDifference(ref.Journals[w], t.Journals[w]); i >= 0 {
				return fmt.Errorf("disagreement: entry %d of the journal of branch %d is %s at branch %d and %s at branch %d",
					i+1, w, at(ref.Journals[w], i), ref.branch, at(t.Journals[w], i), id)
			}
		}
		for account, balance := range ref.Balances {
			if t.Balances[account] != balance {
				return fmt.Errorf("disagreement: account %q has %d at branch %d and %d at branch %d", account, balance, ref.branch, t.Balances[account], id)
			}
		}
		for i, p := range ref.status.GetApplied() {
			if q := t.status.GetApplied()[i]; p.GetSequence() != q.GetSequence() || !bytes.Equal(p.GetHash(), q.GetHash()) {
				return fmt.Errorf("disagreement: the journal of branch %d is applied up to %d (%x) at branch %d and up to %d (%x) at branch %d",
					p.GetBranch(), p.GetSequence(), p.GetHash(), ref.branch, q.GetSequence(), q.GetHash(), id)
			}
		}
	}
	return nil
}

func firstDifference(a, b []Entry) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !a[i].same(b[i]) {
			return i
		}
	}
	return -1
}

func at(journal []Entry, i int) string {
	if i >= len(journal) {
		return "missing"
	}
	return journal[i].String()
}

// checkStatements checks that every statement has each entry of the journals
// that changes its account exactly once, and that the running balance adds up
// and is never negative, nor is it between the operations of a list.
func checkStatements(ev *Evidence) error {
	for _, id := range history.BranchIDs {
		t := ev.branches[id]
		for account, lines := range t.statements {
			if err := t.checkStatement(account, lines); err != nil {
				return fmt.Errorf("statement of account %q at branch %d: %w", account, id, err)
			}
		}
		for _, a := range t.status.GetAccounts() {
			if err := t.checkEscrow(a); err != nil {
				return fmt.Errorf("status of branch %d: %w", id, err)
			}
		}
	}
	return nil
}

func (t *Testimony) checkStatement(account string, lines []line) error {
	missing := map[history.Receipt]Entry{}
	for _, w := range history.BranchIDs {
		for _, e := range t.Journals[w] {
			if e.touches(account) {
				missing[e.Receipt] = e
			}
		}
	}
	balance := openingOf(account)
	for _, l := range lines {
		e, ok := missing[l.Receipt]
		switch {
		case !ok:
			return fmt.Errorf("counted twice: entry %v is there twice, or is in no journal", l.Receipt)
		case !e.same(l.Entry):
			return fmt.Errorf("entry %v is %v, and %v in the journal", l.Receipt, l.Entry, e)
		}
		delete(missing, l.Receipt)
		does := history.EffectOf(e.Done(), account)
		low := balance + does.Low
		balance += does.Net
		if balance < 0 || l.Balance < 0 {
			return fmt.Errorf("negative balance: %d after entry %v (the branch says %d)", balance, l.Receipt, l.Balance)
		}
		if low < 0 {
			return fmt.Errorf("negative balance: %d on the way through entry %v", low, l.Receipt)
		}
		if balance != l.Balance {
			return fmt.Errorf("does not add up: %d after entry %v, and the branch says %d", balance, l.Receipt, l.Balance)
		}
	}
	for at := range missing {
		return fmt.Errorf("lost receipt: entry %v of the journal is missing", at)
	}
	if got := t.Balances[account]; got != balance {
		return fmt.Errorf("does not add up: it ends with %d, and a query says %d", balance, got)
	}
	return nil
}

// checkEscrow checks an account of a status: the escrows sum to the balance and
// none is negative.
func (t *Testimony) checkEscrow(a *bankv1.AccountStatus) error {
	sum := int64(0)
	for _, e := range a.GetEscrow() {
		if e.GetAmount() < 0 {
			return fmt.Errorf("negative escrow: %d of account %q at branch %d", e.GetAmount(), a.GetAccount(), e.GetBranch())
		}
		sum += e.GetAmount()
	}
	name := nameless(a.GetAccount())
	if want, ok := t.Balances[name]; sum != a.GetBalance() || ok && want != sum {
		return fmt.Errorf("account %q: the escrows sum to %d, the balance is %d, a query says %d", name, sum, a.GetBalance(), want)
	}
	return nil
}

func openingOf(account string) int64 {
	if account == "" {
		return history.Opening
	}
	return 0
}

// checkSessions checks that no reply shows less than its session had seen, and
// that the customer of a write has seen it. A list that was refused has a
// session as well.
func checkSessions(h *history.History) error {
	for _, r := range h.Reads {
		if r.Outcome == history.Success && !r.After.Covers(r.Before) {
			return fmt.Errorf("session went back: customer %d's %s of account %q at branch %d (%v to %v) carried %v and came back with %v",
				r.Customer, r.Kind, r.Account, r.Asked, r.Began, r.Ended, r.Before, r.After)
		}
	}
	for _, w := range h.Writes {
		for _, a := range w.Attempts {
			if a.Outcome != history.Success && a.After == nil {
				continue
			}
			own := history.Positions{}
			if a.Outcome == history.Success {
				own[a.Receipt.Branch] = a.Receipt.Sequence
			}
			if !a.After.Covers(a.Before) || !a.After.Covers(own) {
				return fmt.Errorf("session went back: %s %s at branch %d (%v to %v) carried %v, has receipt %v and came back with %v",
					w.Kind, w.ID, a.Asked, a.Began, a.Ended, a.Before, a.Receipt, a.After)
			}
		}
	}
	return nil
}
