package engine

import (
	"testing"
	"testing/synctest"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// A grant is as much work as a write, so a claim goes with those that are held.
func TestAClaimWaitsAsWritesDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		answered := make(chan error, 1)
		go func() {
			_, err := h.engine.Serve(t.Context(), protocol.Message{From: 2, To: 1, Claim: &protocol.Claim{Account: ledger.SharedAccount, Amount: 1, Ticket: protocol.Ticket{Clock: 9, Branch: 2}}})
			answered <- err
		}()
		synctest.Wait()
		h.write()
		h.step()
		h.wantEntries(2)
		h.ack(2)
		h.step()
		h.wantEntries(4)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

// A withdrawal that has waited for escrow makes a batch when that comes, and what
// is held goes with it.
func TestAWriteGoesWithABatchThatIsMadeAnyway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.engine.Post(func(r *replica.Replica) {
			r.Submit(protocol.Operation{ID: 8, Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 40}, Acknowledge: protocol.Local, Deadline: 60_000})
		})
		h.write()
		h.step()
		h.wantEntries(2)
		view := h.engine.cfg.Replica.Ledger()
		peer, _ := view.Index(2)
		grant := ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1, FirstSequence: 1, PrevHash: view.Head(peer).Hash, Entries: []ledger.Entry{
			{Sequence: 1, Clock: 9, Kind: ledger.Grant, Account: ledger.SharedAccount, ToBranch: 1, Amount: 30},
		}})
		h.engine.Post(func(r *replica.Replica) {
			r.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: []*ledger.Sealed{grant}}})
		})
		h.step()
		h.wantEntries(4)
	})
}
