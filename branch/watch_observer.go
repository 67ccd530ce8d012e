package branch

import (
	"sync/atomic"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// loopObserver sees every step of the engine: it keeps the branch's pulse, and
// tells the watches of this branch alone what was committed. But for watches it
// belongs to the engine's goroutine.
type loopObserver struct {
	// pulse remembers the last minutes.
	pulse pulse
	// everywhere is how far every branch had applied this branch's journal, and
	// sharedBalance the shared account's balance, after the last step with news.
	everywhere    uint64
	sharedBalance ledger.Amount
	// watches are those of this branch alone; nil for none.
	watches atomic.Pointer[[]*branchWatch]
}

func newLoopObserver(self ledger.BranchID) *loopObserver {
	return &loopObserver{pulse: pulse{self: self}}
}

// Observe takes what a step has committed, nil for nothing.
func (o *loopObserver) Observe(r *replica.Replica, commit *ledger.Commit) {
	everywhere := r.Everywhere()
	if (commit == nil || len(commit.Batches) == 0) && everywhere == o.everywhere {
		return
	}
	o.everywhere = everywhere
	now := time.Now()
	o.turnPulse(now)
	o.pulse.note(now, commit, everywhere)
	o.sharedBalance = r.Ledger().Balance(ledger.SharedAccount)
	for _, own := range o.own() {
		own.note(r, commit)
	}
}

// turnPulse ends the pulse's second if it is over.
func (o *loopObserver) turnPulse(now time.Time) {
	o.pulse.turn(now, func() []accountBalance {
		out := []accountBalance{{ledger.SharedAccount, o.sharedBalance}}
		for _, own := range o.own() {
			if own.account != ledger.SharedAccount && own.noted {
				out = append(out, accountBalance{own.account, own.balance})
			}
		}
		return out
	})
}

// own returns the watches of this branch alone. Anybody may call it.
func (o *loopObserver) own() []*branchWatch {
	if watches := o.watches.Load(); watches != nil {
		return *watches
	}
	return nil
}
