package branch

import (
	"testing"
	"testing/synctest"
	"time"

	"passbook/branch/ledger"
	"passbook/branch/replica"
)

// holding is a loop whose first batch, of two entries, is on its way to the
// peer.
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
	if err := h.loop.step(); err != nil {
		h.t.Fatal(err)
	}
}

// write posts a write.
func (h *holding) write() {
	h.loop.postWrite(func() {
		h.loop.replica.Submit(replica.Operation{ID: 9, Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}, Acknowledge: replica.Local, Deadline: 60_000})
	})
}

// ack has the peer say how far it has applied this branch's journal.
func (h *holding) ack(sequence uint64) {
	h.loop.post(func() {
		h.loop.replica.Receive(replica.Message{From: 2, To: 1, Frame: &replica.Frame{Ack: &replica.Ack{Applied: sequence}}})
	})
}

func (h *holding) wantEntries(want uint64) {
	h.t.Helper()
	own, _ := h.loop.replica.Ledger().Index(1)
	if got := h.loop.replica.Ledger().Head(own).Sequence; got != want {
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

func TestAWriteDoesNotWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		time.Sleep(maxHold - 1)
		h.step()
		h.wantEntries(2)
		time.Sleep(time.Nanosecond)
		h.step()
		h.wantEntries(3)
	})
}

// Those who were just answered are expected to ask again.
func TestAWriteWaitsForTheOthersOfTheCrowd(t *testing.T) {
	for name, together := range map[string]bool{"who come": true, "who don't come": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHolding(t)
				h.loop.crowd = 2
				time.Sleep(maxHold / 4)
				h.ack(2)
				h.write()
				h.step()
				h.wantEntries(2)
				if together {
					h.write()
					h.step()
					h.wantEntries(4)
					return
				}
				time.Sleep(maxHold / 4) // as long as the batch took
				h.step()
				h.wantEntries(3)
			})
		})
	}
}

// What the loop waits for wakes it, and nothing else does.
func TestHeldWritesDoNotWakeTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		h.step()
		for len(h.loop.wake) > 0 {
			<-h.loop.wake
		}
		for range maxHeldWrites - 2 {
			h.write()
		}
		if len(h.loop.wake) != 0 {
			t.Error("a write that is held wakes the loop")
		}
		h.write()
		if len(h.loop.wake) != 1 {
			t.Errorf("the loop sleeps although %d writes wait", len(h.loop.writes))
		}
		h.step()
		h.wantEntries(2 + maxHeldWrites)
	})
}
