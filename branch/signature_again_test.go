package branch_test

import (
	"testing"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// A branch stops after a batch of its own is on disk and before its signature is: it signs
// the batch when it next starts. The others, which take nothing unsigned, take it.
func TestABranchSignsWhatItHadNotSigned(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, _ := signedBank(t)
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	b.stop(1)
	b.writeUnsigned(1, 7)
	b.start(1)
	b.awaitReady(1)
	b.awaitLinks()
	b.deposit(1, 1)
	for _, id := range b.ids {
		b.wantStrongBalance(id, 300+30+7+1)
	}
	b.stopAll()
	b.wantSigned(0)
}

// A branch gets another certificate while it is stopped, and signs with it what it had not
// signed: the certificate is on its disk, too, although the branch has written nothing since.
func TestABranchSignsWithANewCertificateWhatItHadNotSigned(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, a := signedBank(t)
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	b.stop(1)
	b.writeUnsigned(1, 7)
	a.Renew(1)
	b.start(1)
	b.awaitReady(1)
	b.awaitLinks()
	for _, id := range b.ids {
		b.wantStrongBalance(id, 300+30+7)
	}
	b.stopAll()
	b.wantSigned(0)
}

// writeUnsigned adds a deposit to the journal of a branch that does not run, without a
// signature.
func (b *bank) writeUnsigned(id uint32, amount ledger.Amount) {
	b.t.Helper()
	c := b.configOf(id)
	own := journal.Identity{Branch: ledger.BranchID(id), Opening: ledger.Amount(b.opening), Bank: ledger.Bank{Name: branch.DefaultBank}}
	for other := range c.Addresses {
		own.Branches = append(own.Branches, ledger.BranchID(other))
	}
	j, s, err := journal.Open(b.dirOf(id), own, journal.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	defer j.Close()
	i, _ := s.Ledger.Index(own.Branch)
	head := s.Ledger.Head(i)
	sealed := ledger.NewSealed(&ledger.Batch{
		Branch: own.Branch, Epoch: s.Epoch, FirstSequence: head.Sequence + 1, PrevHash: head.Hash,
		Entries: []ledger.Entry{{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: amount, Sequence: head.Sequence + 1, Clock: s.Ledger.Clock() + 1}},
	})
	posted, err := s.Ledger.PostBatch(sealed)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := j.Commit(&ledger.Commit{
		Batches: []ledger.StoredBatch{{Sealed: sealed, Posted: posted}}, Accounts: s.Ledger.TakeTouched(), Clock: s.Ledger.Clock(), Sync: true,
		Heads: []ledger.BranchHead{{Branch: own.Branch, Head: s.Ledger.Head(i)}},
	}); err != nil {
		b.t.Fatal(err)
	}
}
