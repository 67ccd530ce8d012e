package simulation

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// contend lets customers at all branches ask for more of an account than there is: they
// deposit 1 and withdraw 1 to 3, in turn at random. Now and then one moves money between
// two such accounts.
func (w *world) contend(accounts []string, every int64, left int) {
	if w.calm || left == 0 {
		return
	}
	account := accounts[w.rng.IntN(len(accounts))]
	e := ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: ledger.Amount(w.between(1, 4)), CustomerID: 900}
	switch k := w.rng.IntN(20); {
	case k < 9:
		e.Kind, e.Amount = ledger.Deposit, 1
	case k < 12 && len(accounts) > 1:
		e.Kind, e.Account, e.ToAccount = ledger.Transfer, accounts[0], accounts[1]
		if w.chance(0.5) {
			e.Account, e.ToAccount = e.ToAccount, e.Account
		}
	case k == 12:
		w.call(&request{entry: ledger.Entry{Account: account}, strong: true, level: protocol.Local, done: func(protocol.Reply) {}}, w.anyProcess(), 0, 0)
	}
	w.call(&request{entry: e, level: w.anyLevel(), done: func(protocol.Reply) {}}, w.anyProcess(), 0, 0)
	w.after(w.between(1, 2*every), func() { w.contend(accounts, every, left-1) })
}

// newContest returns a bank whose customers contend for accounts, and the history of one.
func newContest(o Options) (*world, *history) {
	w := newWorld(o, func(w *world) {
		w.accounts, w.opening = w.accounts[:min(2, len(w.accounts))], ledger.Amount(len(w.processes))
	})
	w.pickFaults()
	w.faults.wipesLeft = 0 // or what was recorded may be lost
	h := recordHistory(w, w.accounts[w.rng.IntN(len(w.accounts))])
	every := w.faults.latency * []int64{1, 2, 4}[w.rng.IntN(3)] // or too many orders are possible
	w.after(1_000_000, func() { w.contend(w.accounts, every, contenders(o)) })
	return w, h
}

// contenders is how many calls there are: as many as a search for their order allows.
func contenders(o Options) int {
	if o.Calm {
		return 200
	}
	return 90 // of some of which nobody knows the end
}

// Whatever is refused while everybody asks for the last of an account was too much at one
// moment of the call.
func TestContestedAccountIsLinearizable(t *testing.T) {
	const seeds = 150
	total, proven := 0, 0
	for seed := range uint64(seeds) {
		w, h := newContest(Options{Seed: seed + 1, Steps: 6000, Calm: seed%3 == 0})
		w.proceed(w.opts.Steps)
		w.heal()
		w.rest("after the faults")
		if w.failure != nil {
			t.Fatalf("seed %d: %v", seed+1, w.failure)
		}
		if got := h.check(); got != porcupine.Ok {
			t.Fatalf("seed %d, account %q: %d operations: %s", seed+1, h.account, len(h.ops), got)
		}
		total += len(h.ops)
		proven += w.report.Paths["chained look with a proven balance"]
	}
	if proven < seeds {
		t.Errorf("%d balances were proven by chains of looks, want more than the %d runs", proven, seeds)
	}
	t.Logf("%d operations, %d proven balances", total, proven)
}

// Transfers between two contested accounts go on while both have chains of looks, also at
// their chairs.
func TestCrossingTransfersStarveNobody(t *testing.T) {
	const seeds, longest = 60, 450_000 // microseconds; half a peer time-out is 500 ms
	transfers := 0
	for seed := range uint64(seeds) {
		w := newWorld(Options{Seed: seed + 1, Steps: 6000, Calm: true}, func(w *world) {
			w.accounts, w.opening = w.accounts[:min(2, len(w.accounts))], ledger.Amount(len(w.processes))
		})
		w.pickFaults()
		began := map[uint64]int64{}
		w.onCall = func(c *call) {
			if c.req.entry.Kind == ledger.Transfer {
				began[c.id] = w.now
			}
		}
		w.onAnswer = func(c *call, _ *protocol.Reply) {
			if at, ok := began[c.id]; ok {
				transfers++
				if took := w.now - at; took > max(longest, 100*w.faults.latency) {
					t.Errorf("seed %d: a transfer took %d ms", seed+1, took/1000)
				}
			}
		}
		w.after(1_000_000, func() { w.contend(w.accounts, 2*w.faults.latency, 400) })
		w.proceed(w.opts.Steps)
		w.heal()
		w.rest("at the end")
		if w.failure != nil {
			t.Fatalf("seed %d: %v", seed+1, w.failure)
		}
	}
	if transfers < 10*seeds {
		t.Errorf("%d transfers in %d runs", transfers, seeds)
	}
}
