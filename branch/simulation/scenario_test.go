package simulation

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// quietBank returns a bank without faults and customers, once all branches
// serve. A message takes about a millisecond.
func quietBank(t *testing.T, branches int, opening ledger.Amount) *world {
	t.Helper()
	w := newWorld(Options{Seed: 2, Branches: branches, Calm: true}, func(w *world) {
		w.opening, w.peerTimeout, w.accounts = opening, 1000, []string{ledger.SharedAccount}
	})
	w.pickFaults()
	w.faults.latency = 1_000
	w.rest("at the start")
	return w
}

// withdrawals has each of some branches asked for an amount at once. It
// returns what they answered, how many messages that took, and how many
// virtual milliseconds.
func (w *world) withdrawals(t *testing.T, amount ledger.Amount, at ...*process) (replies []protocol.Reply, messages int, micros int64) {
	t.Helper()
	before, began := w.messages(), w.now
	for _, p := range at {
		w.call(&request{
			entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: amount}, level: protocol.Reachable,
			done: func(r protocol.Reply) { replies, micros = append(replies, r), w.now-began },
		}, p, 0, 0)
	}
	w.rest("withdrawals")
	w.checkEqual()
	if w.failure != nil {
		t.Fatal(w.failure)
	}
	return replies, w.messages() - before, micros
}

func (w *world) messages() int {
	n := 0
	for _, name := range []string{"frame", "claim", "claim answer", "look", "look answer"} {
		n += w.report.Paths[name]
	}
	return n
}

// Fifty branches hold 8 each. One of them pays 300, which takes one round of
// claims.
func TestOneBranchPaysWhatFiftyHold(t *testing.T) {
	w := quietBank(t, 50, 400)
	replies, messages, micros := w.withdrawals(t, 300, w.processes[17])
	if len(replies) != 1 || replies[0].Err != nil {
		t.Fatalf("got %+v, want a success", replies)
	}
	t.Logf("%d messages, %.1f virtual ms", messages, float64(micros)/1000)
	if micros > 20_000 {
		t.Errorf("it took %d virtual ms, with messages of 1 ms", micros/1000)
	}
}

// Fifty branches hold 8 each and are asked for 10 at once: exactly 40 can be
// paid.
func TestFiftyBranchesPayAtOnce(t *testing.T) {
	w := quietBank(t, 50, 400)
	replies, messages, micros := w.withdrawals(t, 10, w.processes...)
	paid, refused := 0, 0
	for _, r := range replies {
		switch {
		case r.Err == nil:
			paid++
		case isInsufficient(r.Err):
			refused++
		default:
			t.Error(r.Err)
		}
	}
	t.Logf("%d messages, %.1f virtual ms", messages, float64(micros)/1000)
	if paid != 40 || refused != 10 {
		t.Errorf("%d were paid and %d refused, want 40 and 10", paid, refused)
	}
	if micros > 2_000_000 {
		t.Errorf("it took %d virtual ms, with messages of 1 ms", micros/1000)
	}
}

// A branch alone needs nobody, and no time, to refuse.
func TestOneBranchRefusesAtOnce(t *testing.T) {
	w := quietBank(t, 1, 5)
	replies, messages, micros := w.withdrawals(t, 10, w.processes[0])
	if len(replies) != 1 || !isInsufficient(replies[0].Err) {
		t.Fatalf("got %+v, want insufficient funds", replies)
	}
	if messages != 0 || micros > 2_000 {
		t.Errorf("it took %d messages and %d virtual µs", messages, micros)
	}
}
