package feed

import (
	"sync/atomic"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/replica"
)

// Observer sees every step of the engine, watched or not. It keeps the branch's
// pulse, and gives the reporters what was committed. But for reporters it belongs
// to the engine's goroutine.
type Observer struct {
	// pulse is what is remembered of the last minutes.
	pulse pulse
	// everywhere is how far every branch had applied this branch's journal after
	// the last step that brought news.
	everywhere uint64
	// sharedBalance is the shared account's balance after that step.
	sharedBalance ledger.Amount
	// reporters are those that there are; nil for none.
	reporters atomic.Pointer[[]*reporter]
}

// NewObserver returns the observer of a branch that has done nothing yet.
func NewObserver(self ledger.BranchID) *Observer {
	return &Observer{pulse: pulse{self: self}}
}

// Observe takes what a step has committed, nil for nothing, and the replica as it
// is then. The engine calls it after each step.
func (o *Observer) Observe(r *replica.Replica, commit *ledger.Commit) {
	everywhere := r.Everywhere()
	if (commit == nil || len(commit.Batches) == 0) && everywhere == o.everywhere {
		return
	}
	o.everywhere = everywhere
	now := time.Now()
	o.turnPulse(now)
	o.pulse.observe(now, commit, everywhere)
	o.sharedBalance = r.Ledger().Balance(ledger.SharedAccount)
	for _, own := range o.reporting() {
		own.observe(r, commit)
	}
}

// turnPulse ends the pulse's second if it is over.
func (o *Observer) turnPulse(now time.Time) {
	o.pulse.turn(now, func() []accountBalance {
		out := []accountBalance{{ledger.SharedAccount, o.sharedBalance}}
		for _, own := range o.reporting() {
			if own.account != ledger.SharedAccount && own.balanceKnown {
				out = append(out, accountBalance{own.account, own.balance})
			}
		}
		return out
	})
}

// reporting returns the reporters. Any goroutine may call it.
func (o *Observer) reporting() []*reporter {
	if reporters := o.reporters.Load(); reporters != nil {
		return *reporters
	}
	return nil
}
