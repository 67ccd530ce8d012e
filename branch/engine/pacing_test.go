package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// holding is an engine whose first batch, a grant and a customer's deposit, is on
// its way to the peer.
type holding struct {
	*oneStep
	t *testing.T
}

func newHolding(t *testing.T) *holding {
	t.Helper()
	h := &holding{newOneStep(t), t}
	h.step()
	h.wantEntries(2)
	return h
}

func (h *holding) step() {
	h.t.Helper()
	if err := h.engine.Step(); err != nil {
		h.t.Fatal(err)
	}
}

// write posts a write.
func (h *holding) write() {
	h.engine.queue.postWrite(action(func(r *replica.Replica) {
		r.Submit(protocol.Operation{ID: 9, Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}, Acknowledge: protocol.Local, Deadline: 60_000})
	}))
}

// ack has the peer say how far it has applied this branch's journal.
func (h *holding) ack(sequence uint64) {
	h.engine.Post(func(r *replica.Replica) {
		r.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Ack: &protocol.Ack{Applied: sequence}}})
	})
}

func (h *holding) wantEntries(want uint64) {
	h.t.Helper()
	own, _ := h.engine.cfg.Replica.Ledger().Index(1)
	if got := h.engine.cfg.Replica.Ledger().Head(own).Sequence; got != want {
		h.t.Errorf("%d entries are recorded, want %d", got, want)
	}
}

func TestAWriteWaitsForTheBatchBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		h.step()
		h.wantEntries(2)
		h.write()
		h.ack(2)
		h.step() // both in one batch
		h.wantEntries(4)
	})
}

// wantHeldFor steps until the one write that is held may go, after the two
// entries of the first batch.
func (h *holding) wantHeldFor(d time.Duration) {
	h.t.Helper()
	time.Sleep(d - 1)
	h.step()
	h.wantEntries(2)
	time.Sleep(time.Nanosecond)
	h.step()
	h.wantEntries(3)
}

func TestAWriteDoesNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		h.wantHeldFor(maxLinger)
	})
}

// Those who were just answered are expected to ask again, besides those who
// have asked meanwhile.
func TestAWriteWaitsForTheOthersOfTheCrowd(t *testing.T) {
	const took = maxLinger / 20
	tests := map[string]func(*holding){
		"who come": func(h *holding) {
			h.write()
			h.step()
			h.wantEntries(4)
		},
		"who don't come": func(h *holding) {
			h.wantHeldFor(crowdPatience * took)
		},
	}
	for name, then := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHolding(t)
				time.Sleep(took)
				h.ack(2)
				h.write()
				h.step()
				h.wantEntries(2)
				then(h)
			})
		})
	}
}

// Who did not come again is not waited for the next time, but after a while it is
// tried again.
func TestACrowdThatDoesNotComeIsNotWaitedFor(t *testing.T) {
	const took = maxLinger / 20
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		recorded := uint64(2)
		// next has the last batch arrive and a customer write.
		next := func() {
			time.Sleep(took)
			h.ack(recorded)
			h.write()
			h.step()
			recorded++
		}
		next() // two are expected
		h.wantEntries(recorded - 1)
		time.Sleep(crowdPatience * took)
		h.step()
		h.wantEntries(recorded)
		for range crowdTrials {
			next() // one is
			h.wantEntries(recorded)
		}
		next() // two are again
		h.wantEntries(recorded - 1)
	})
}

// A crowd that grows is waited for as a whole at once.
func TestACrowdThatGrowsIsWaitedFor(t *testing.T) {
	const took = maxLinger / 20
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.engine.pacer.returning = 1
		for range 3 {
			h.write()
		}
		time.Sleep(took)
		h.ack(2)
		h.step()
		h.wantEntries(5)
		time.Sleep(took)
		h.ack(5)
		for range 2 {
			h.write()
		}
		h.step()
		h.wantEntries(5)
		h.write()
		h.step()
		h.wantEntries(8)
	})
}

// However long the batch took.
func TestTheCrowdIsNotWaitedForForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		time.Sleep(maxLinger / 2)
		h.ack(2)
		h.write()
		h.step()
		h.wantHeldFor(maxLinger / 2)
	})
}

// Nor is there a crowd to wait for where no peer can be reached.
func TestABranchAloneDoesNotHoldWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.engine.Post(func(r *replica.Replica) { r.LinkDown(2) })
		h.write()
		h.step()
		h.wantEntries(3)
		time.Sleep(maxLinger / 10)
		h.write()
		h.step()
		h.wantEntries(4)
	})
}

// Grants are made for peers, who are no customers to wait for, and lists are
// batches by themselves.
func TestGrantsAndListsAreNoCrowd(t *testing.T) {
	own := func(kind ledger.Kind) ledger.StoredBatch {
		return ledger.StoredBatch{Sealed: &ledger.Sealed{Batch: &ledger.Batch{Branch: 1, Entries: []ledger.Entry{{Kind: kind}}}}}
	}
	peers := own(ledger.Deposit)
	peers.Batch.Branch = 2
	c := &ledger.Commit{Batches: []ledger.StoredBatch{own(ledger.Deposit), peers, own(ledger.Grant), own(ledger.Bulk), own(ledger.Withdrawal)}}
	if got := writesOf(c, 1); got != 2 {
		t.Errorf("%d customers' writes are counted, want 2", got)
	}
}

// What the engine waits for wakes it, and nothing else does.
func TestHeldWritesDoNotWakeTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		h.step()
		for len(h.engine.queue.wake) > 0 {
			<-h.engine.queue.wake
		}
		for range maxLingering - 2 {
			h.write()
		}
		if len(h.engine.queue.wake) != 0 {
			t.Error("a write that is held wakes the engine")
		}
		h.write()
		if len(h.engine.queue.wake) != 1 {
			t.Errorf("the engine sleeps although %d writes wait", len(h.engine.queue.writes.waiting))
		}
		h.step()
		h.wantEntries(2 + maxLingering)
	})
}
