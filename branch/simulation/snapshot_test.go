package simulation

import (
	"fmt"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// walk lets a customer write at one branch, mostly as LOCAL as can be, and then at another
// one as soon as that is acknowledged. Now and then it sends the same request again to
// another branch, which may be the first to answer.
func (w *world) walk(account string, id int64, left int) {
	if w.calm || left == 0 {
		return
	}
	r := &request{entry: ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: 1, CustomerID: id}, level: protocol.Local}
	switch k := w.rng.IntN(10); {
	case k < 4:
		r.entry.Kind = ledger.Withdrawal
	case k == 4:
		r.level = w.anyLevel()
	}
	at := w.anyProcess()
	r.entry.RequestID = fmt.Sprintf("walk %d-%d", id, left)
	r.home = at.id
	answered := false
	r.done = func(protocol.Reply) {
		if !answered {
			answered = true
			w.after(1+w.rng.Int64N(w.faults.latency), func() { w.walk(account, id, left-1) })
		}
	}
	w.call(r, at, 0, 0)
	if w.chance(0.2) {
		w.after(w.between(0, 4*w.faults.latency), func() {
			if again := w.anyProcess(); r.open > 0 && again != at {
				w.call(r, again, r.home, 0)
			}
		})
	}
}

// ponder lets somebody ask for the balance again and again, each time at any branch.
func (w *world) ponder(account string, every int64, left int) {
	if w.calm || left == 0 {
		return
	}
	w.call(&request{entry: ledger.Entry{Account: account}, strong: true, level: protocol.Local, done: func(protocol.Reply) {}}, w.anyProcess(), 0, 0)
	w.after(w.between(1, 2*every), func() { w.ponder(account, every, left-1) })
}

// Snapshots have an order among each other and among the writes of customers who go from
// branch to branch, whatever is slow or breaks.
func TestSnapshotsOfWritesAtAllBranchesHaveOneOrder(t *testing.T) {
	const seeds, walkers = 150, 6
	snapshots := 0
	for seed := range uint64(seeds) {
		w := newWorld(Options{Seed: seed + 1, Steps: 8000, Branches: 3 + int(seed%3)}, func(w *world) {
			w.accounts, w.opening = w.accounts[:1], 1000
		})
		w.faults = faults{latency: []int64{500, 5_000}[seed%2], delay: 0.1 * float64(seed%4), every: 100_000}
		if seed%3 > 0 {
			w.faults.actions = []func(*world){linkFlap, linkFlap, partition, crashOne, slowBranch}
			w.planFault()
		}
		account := ledger.SharedAccount
		w.after(1_500_000, func() {
			for k := range walkers {
				w.walk(account, int64(k+1), 200)
			}
			w.ponder(account, w.faults.latency, 300)
			w.ponder(account, w.faults.latency, 300)
		})
		w.proceed(w.opts.Steps)
		w.heal()
		w.rest("after the faults")
		if w.failure != nil {
			t.Fatalf("seed %d: %v", seed+1, w.failure)
		}
		snapshots += w.report.Paths["snapshot"]
	}
	if snapshots < 30*seeds {
		t.Errorf("%d snapshots in %d runs", snapshots, seeds)
	}
	t.Logf("%d snapshots", snapshots)
}

// Snapshots, and the moments at which withdrawals were too much, have one order.
func TestSnapshotsAndRefusalsHaveOneOrder(t *testing.T) {
	const seeds = 150
	refused, snapshots := 0, 0
	for seed := range uint64(seeds) {
		w := newWorld(Options{Seed: seed + 1, Steps: 6000, Branches: 3}, func(w *world) {
			w.accounts, w.opening = w.accounts[:1], 3
		})
		w.faults = faults{latency: 2_000, delay: []float64{0.02, 0.2}[seed%2]}
		w.after(1_500_000, func() {
			w.contend(w.accounts, []int64{1_000, 10_000}[seed/2%2], 250)
			w.ponder(ledger.SharedAccount, 4_000, 150)
			w.ponder(ledger.SharedAccount, 4_000, 150)
		})
		w.proceed(w.opts.Steps)
		w.heal()
		w.rest("at the end")
		w.oracle.checkOrder()
		if w.failure != nil {
			t.Fatalf("seed %d: %v", seed+1, w.failure)
		}
		refused += len(w.oracle.told.refused)
		snapshots += w.report.Paths["snapshot"]
	}
	if refused < 20*seeds || snapshots < 50*seeds {
		t.Errorf("%d refusals and %d snapshots in %d runs", refused, snapshots, seeds)
	}
	t.Logf("%d refusals, %d snapshots", refused, snapshots)
}
