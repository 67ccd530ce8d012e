package replica

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// A journal has forked when there are two different batches in one place of it:
// both follow the same batch. Nothing less is a proof, and nobody halts for it.

// proof is the batch that a peer has shown and that is another than the one in
// its place here.
type proof struct {
	theirs *ledger.Sealed
	by     ledger.BranchID
}

// prove acts on a batch of a peer that follows the same batch as the one in its
// place here, and is another: the journal has forked, for instance by a restored
// backup, or two processes with one branch id. Nothing more of it is applied until
// an operator has looked.
func (in *intake) prove(p *peer, i int, s *ledger.Sealed) {
	if in.err != nil {
		return // the disk failed, which says nothing about the journal
	}
	if err := in.ledger.CheckLead(i, s.Batch); err != nil {
		in.alarms.reject(p, LeadLie(err), true, "%v", err) // what nobody can have written proves nothing
		return
	}
	text := in.proofText(i, &proof{s, p.branch})
	for _, q := range in.peers {
		delete(q.doubts, i)
	}
	if i == in.self {
		in.recovery.halt(text)
		return
	}
	if in.proofs[i] != nil {
		return
	}
	in.stopped[i], in.proofs[i] = true, &proof{s, p.branch}
	in.dropEarly(i)
	in.peers[i].forkedDue = true
	in.progress.due.add(i)
	in.alarms.raise(AlarmFork, fmt.Sprintf("the journal of branch %d has forked: %s", in.peers[i].branch, text))
}

// proofText shows both batches.
func (in *intake) proofText(i int, f *proof) string {
	here, where := "not read", f.theirs.Batch.FirstSequence
	if s := in.batchAt(i, where); s != nil {
		here = fmt.Sprintf("%x, up to entry %d", s.Hash[:8], s.Span.Last)
	}
	return fmt.Sprintf("from its entry %d on it is another one at branch %d (batch %x, up to entry %d, of boot %d) than here (batch %s)",
		where, f.by, f.theirs.Hash[:8], f.theirs.Batch.LastSequence(), f.theirs.Batch.Epoch, here)
}

// batchAt returns the batch of the i-th journal that begins at a sequence, as an
// outline perhaps, or nil.
func (in *intake) batchAt(i int, first uint64) *ledger.Sealed {
	b := in.peers[i].branch
	commits := in.commit.Batches
	if in.out.Commit != nil {
		commits = in.out.Commit.Batches
	}
	for _, s := range commits {
		if s.Span.Branch == b && s.Span.First == first {
			return s.Sealed
		}
	}
	stored, err := in.cfg.Storage.Batches(b, first-1, 1)
	if err != nil {
		in.fail(fmt.Errorf("read journal of branch %d after entry %d: %w", b, first-1, err))
	}
	if len(stored) == 0 || stored[0].Span.First != first {
		return nil
	}
	return stored[0]
}

// accuse tells the writer of a journal that it has forked, with both batches:
// at least one is another than its own.
func (in *intake) accuse(p *peer, f *Frame) {
	found := in.proofs[p.index]
	if found == nil {
		return
	}
	if here := in.batchAt(p.index, found.theirs.Batch.FirstSequence); here != nil {
		f.Batches = append(f.Batches, here)
	}
	f.Batches = append(f.Batches, found.theirs)
}

// receiveAccusation takes word that this branch's journal has forked. The proof
// has come before it: without one it is nothing but talk.
func (in *intake) receiveAccusation(p *peer) {
	if in.state == Serving && p.doubts[in.self] == nil {
		in.alarms.reject(p, BadAccusation, true, "it says that this branch's journal has forked, and shows no batch that differs")
	}
}
