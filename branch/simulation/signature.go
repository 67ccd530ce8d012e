package simulation

import (
	"crypto/sha256"
	"encoding/binary"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Signatures of a simulated bank are hashes that stand for what only the owner of a key
// can make: nothing in a run but Sign makes one. The liar has no key, and copies what it
// has seen.

// Sign signs the batches in a commit that its branch has made.
func Sign(c *ledger.Commit) {
	for i := range c.Batches {
		if b := &c.Batches[i]; b.Made {
			s := signatureOf(b.Span.Branch, b.Hash)
			b.Signature = &s
		}
	}
}

// signatureOf returns the signature of a branch on a batch.
func signatureOf(by ledger.BranchID, batch ledger.Hash) (s ledger.Signature) {
	binary.BigEndian.PutUint32(s.Certificate[:], uint32(by))
	first := sha256.Sum256(append(binary.BigEndian.AppendUint32([]byte("key of branch "), uint32(by)), batch[:]...))
	second := sha256.Sum256(first[:])
	copy(s.Value[copy(s.Value[:], first[:]):], second[:])
	return s
}

// isSigned reports whether a batch has a signature that its shell accepts: its writer's,
// or none, which the replica has to refuse.
func isSigned(s *ledger.Sealed) bool {
	return s.Signature == nil || *s.Signature == signatureOf(s.Batch.Branch, s.Hash)
}

// sameSignature compares two signatures.
func sameSignature(a, b *ledger.Signature) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sign signs what a branch is about to commit.
func (p *process) sign(c *ledger.Commit) {
	if p.w.opts.Signed && c != nil {
		Sign(c)
	}
}

// checkSigned checks the signatures in a frame, as a branch's shell does before the
// replica gets it. It reports false when it has refused the frame, and ended its link.
func (w *world) checkSigned(l *link, to *process, r *replica.Replica, m *protocol.Message) bool {
	if !w.opts.Signed {
		return true
	}
	for _, s := range m.Frame.Batches {
		if !isSigned(s) {
			w.report.Paths["wrong signature refused"]++
			r.Refuse(m.From, protocol.BadSignature, "wrong signature")
			w.breakLink(l, 1_000)
			return false
		}
	}
	return true
}

// forgedBatch returns a batch that could be true: the next one of a journal, or another
// one in the place of one that exists. It is signed as far as the liar can.
func (w *liar) forgedBatch(view *ledger.Ledger) *ledger.Sealed {
	i := w.rng.IntN(len(w.branches))
	journal := w.anyProcess().disk.Journal(i)
	head := view.Head(i)
	b := &ledger.Batch{Branch: w.branches[i], Epoch: head.Epoch + 1, FirstSequence: head.Sequence + 1, PrevHash: head.Hash}
	b.Entries = []ledger.Entry{{Sequence: b.FirstSequence, Clock: view.Clock() + 1, Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1}}
	if len(journal) > 0 && w.chance(0.5) {
		old := journal[w.rng.IntN(len(journal))].Batch
		b.Epoch, b.FirstSequence, b.PrevHash, b.After = old.Epoch, old.FirstSequence, old.PrevHash, old.After
		b.Entries[0].Sequence, b.Entries[0].Clock = old.FirstSequence, old.Entries[0].Clock
	}
	s := ledger.NewSealed(b)
	switch w.rng.IntN(3) {
	case 0:
		w.report.Paths["forged batch without a signature"]++
	case 1: // of another batch
		if len(journal) == 0 {
			return nil
		}
		s.Signature = journal[w.rng.IntN(len(journal))].Signature
	default: // of another branch
		g := signatureOf(w.branches[(i+1)%len(w.branches)], s.Hash)
		s.Signature = &g
	}
	return s
}
