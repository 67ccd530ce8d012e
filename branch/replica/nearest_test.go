package replica_test

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// What a branch lacks it claims from the nearest peer that has enough alone, and where none
// has, from the richest first.
func TestClaimsGoToTheNearestPeerThatHasEnough(t *testing.T) {
	tests := map[string]struct {
		// trips are the round trips to branches 2 to 4, in milliseconds.
		trips [3]protocol.Micros
		// rich is what those have besides an even part of 400.
		rich [3]ledger.Amount
		// amount is what branch 1 pays, which has 100.
		amount ledger.Amount
		want   []ledger.BranchID
	}{
		"all have enough":              {[3]protocol.Micros{90, 40, 80}, [3]ledger.Amount{50, 0, 100}, 150, []ledger.BranchID{3}},
		"the nearest has too little":   {[3]protocol.Micros{90, 40, 80}, [3]ledger.Amount{50, 0, 100}, 220, []ledger.BranchID{4}},
		"none has enough alone":        {[3]protocol.Micros{90, 40, 80}, [3]ledger.Amount{50, 0, 100}, 400, []ledger.BranchID{4, 2}},
		"all are near":                 {[3]protocol.Micros{3, 1, 2}, [3]ledger.Amount{50, 0, 100}, 150, []ledger.BranchID{4}},
		"nothing is known of them":     {[3]protocol.Micros{}, [3]ledger.Amount{0, 100, 50}, 150, []ledger.BranchID{3}},
		"two are equally far":          {[3]protocol.Micros{40, 40, 90}, [3]ledger.Amount{0, 100, 50}, 150, []ledger.BranchID{3}},
		"one that is far has the most": {[3]protocol.Micros{90, 1, 1}, [3]ledger.Amount{100, 0, 0}, 150, []ledger.BranchID{3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 4, 400)
			first := b.nodes[0]
			for k, trip := range test.trips {
				if trip > 0 {
					first.replica.Measured(ledger.BranchID(k+2), trip*1000)
				}
				if test.rich[k] > 0 {
					b.pay(b.nodes[k+1], test.rich[k])
				}
			}
			b.stabilize()
			b.calls++
			first.calls[b.calls] = pendingCall{}
			first.replica.Submit(protocol.Operation{
				ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
				Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: test.amount},
			})
			b.turn(first)
			var got []ledger.BranchID
			for _, m := range b.transit {
				if m.Claim != nil {
					got = append(got, m.To)
				}
			}
			if len(got) != len(test.want) {
				t.Fatalf("it claims from %v, want %v", got, test.want)
			}
			for k := range got {
				if got[k] != test.want[k] {
					t.Errorf("it claims from %v, want %v", got, test.want)
				}
			}
		})
	}
}

// pay has a branch take a deposit into the shared account, payInto into another one.
func (b *bank) pay(n *node, amount ledger.Amount) { b.payInto(n, ledger.SharedAccount, amount) }

func (b *bank) payInto(n *node, account string, amount ledger.Amount) {
	b.calls++
	n.calls[b.calls] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
		Entry: ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: amount},
	})
	b.turn(n)
}
