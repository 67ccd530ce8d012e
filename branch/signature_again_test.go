package branch_test

import (
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/signature/signaturetest"
)

// A branch stops after a batch of its own is on disk and before its signature is: it signs
// the batch when it next starts. The others, which take nothing unsigned, take it.
func TestABranchSignsWhatItHadNotSigned(t *testing.T) {
	t.Parallel() // it waits most of the time
	b, _ := bankWithUnsigned(t)
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
	b, a := bankWithUnsigned(t)
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

// bankWithUnsigned runs a signed bank, in which branch 1 has stopped with a deposit of 7 on its
// disk that is not signed.
func bankWithUnsigned(t *testing.T) (*bank, *signaturetest.Authority) {
	t.Helper()
	b, a := signedBank(t)
	for _, id := range b.ids {
		b.deposit(id, 10)
	}
	b.stop(1)
	b.writeUnsigned(1, 7)
	return b, a
}

// writeUnsigned adds a deposit to the journal of a branch that does not run, without a
// signature.
func (b *bank) writeUnsigned(id uint32, amount ledger.Amount) {
	b.t.Helper()
	j, s := b.openJournal(id)
	defer j.Close()
	self := ledger.BranchID(id)
	i, _ := s.Ledger.Index(self)
	head := s.Ledger.Head(i)
	sealed := ledger.NewSealed(&ledger.Batch{
		Branch: self, Epoch: s.Epoch, FirstSequence: head.Sequence + 1, PrevHash: head.Hash,
		Entries: []ledger.Entry{{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: amount, Sequence: head.Sequence + 1, Clock: s.Ledger.Clock() + 1}},
	})
	posted, err := s.Ledger.PostBatch(sealed)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := j.Commit(&ledger.Commit{
		Batches: []ledger.StoredBatch{{Sealed: sealed, Posted: posted}}, Accounts: s.Ledger.TakeTouched(), Clock: s.Ledger.Clock(), Sync: true,
		Heads: []ledger.BranchHead{{Branch: self, Head: s.Ledger.Head(i)}},
	}); err != nil {
		b.t.Fatal(err)
	}
}
