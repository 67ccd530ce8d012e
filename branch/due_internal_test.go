package branch

import (
	"testing"
	"testing/synctest"

	"passbook/branch/ledger"
	"passbook/branch/replica"
)

// A grant makes a batch of its own anyway, so what is held goes with it.
func TestAWriteGoesWithABatchThatIsMadeAnyway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHolding(t)
		h.write()
		h.step()
		h.wantEntries(2)
		h.loop.post(func() {
			h.loop.replica.Receive(replica.Message{From: 2, To: 1, Claim: &replica.Claim{
				ID: 7, Account: ledger.SharedAccount, Amount: 1, Ticket: replica.Ticket{Clock: 9, Branch: 2},
			}})
		})
		h.step()
		h.wantEntries(4)
	})
}
