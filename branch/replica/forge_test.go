package replica_test

import (
	"github.com/cockroachdb/datadriven"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// forge is `forge 1 freeze from=2`, a look that freezes an account, or
// `forge 1 claim=50 from=2`, a claim with the oldest ticket there is: what
// anybody can ask a branch in the name of a peer. It may name an account=, and be
// unseen until something else comes.
func (b *bank) forge(d *datadriven.TestData) {
	n := b.branch(d)
	b.calls++
	m := protocol.Message{From: ledger.BranchID(option(b.t, d, "from", 0)), To: n.id}
	account := ledger.SharedAccount
	if name := text(d, "account"); name != "" {
		account = name
	}
	if d.HasArg("freeze") {
		m.Collect = &protocol.Collect{ID: b.calls, Account: account, Collect: b.calls, Look: 1, Freeze: true}
	} else {
		m.Claim = &protocol.Claim{ID: b.calls, Account: account, Amount: ledger.Amount(option(b.t, d, "claim", 0)), Ticket: protocol.Ticket{Clock: 1, Branch: m.From}}
	}
	n.replica.Receive(m)
	if !d.HasArg("unseen") {
		b.turn(n)
	}
}
