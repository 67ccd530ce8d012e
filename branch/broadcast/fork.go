package broadcast

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A journal has forked when there are two different batches in one place of it:
// both follow the same batch. Nothing less is a proof, and no branch halts for less.
// The proof is kept on disk until an operator decides which of the two counts. The
// other one, and what follows it, is never applied from then on. A branch that has
// applied it leaves it out when it next starts (see [ledger.Mending]).

// forks are those of journals, as far as this branch knows.
type forks struct {
	// kept are all of them; changed are those that the next commit
	// has to write.
	kept    []ledger.Fork
	changed []ledger.ForkKey
	// open are those that stop a journal here, by its index: nobody has decided, or
	// this branch has applied the batch that does not count. nil for none.
	open []*ledger.Fork
	// dropped are the batches that don't count.
	dropped map[ledger.Hash]bool
}

// newForks returns the forks that the disk has. None of the batches that don't count is
// applied: the owner has seen to that.
func newForks(c *Core) forks {
	f := forks{kept: c.Config.Forks, open: make([]*ledger.Fork, c.N), dropped: ledger.DroppedBy(c.Config.Forks)}
	for k := range f.kept {
		if i, ok := c.Ledger.Index(f.kept[k].Key().Branch); ok && !f.kept[k].Decided() {
			f.open[i] = &f.kept[k]
		}
	}
	return f
}

// changes returns the forks that the commit has to write.
func (f *forks) changes() []ledger.Fork {
	var out []ledger.Fork
	for _, key := range f.changed {
		out = append(out, *f.find(key))
	}
	f.changed = nil
	return out
}

func (f *forks) find(key ledger.ForkKey) *ledger.Fork {
	for k := range f.kept {
		if f.kept[k].Key() == key {
			return &f.kept[k]
		}
	}
	return nil
}

// add keeps a new fork of the i-th journal.
func (f *forks) add(i int, fork ledger.Fork) {
	f.kept = append(f.kept, fork)
	f.reopen()
	f.open[i] = f.find(fork.Key())
	f.changed = append(f.changed, fork.Key())
}

// reopen finds the open ones again, after kept has moved.
func (f *forks) reopen() {
	for i, open := range f.open {
		if open != nil {
			f.open[i] = f.find(open.Key())
		}
	}
}

// prove handles a batch of a peer that follows the same batch as the one in its place
// here, but differs from it. The journal has forked, for instance by a restored
// backup, or by two processes with one branch id. Nothing more of it is applied until
// an operator has mended that.
func (in *intake) prove(p *Peer, i int, s *ledger.Sealed) {
	if in.failure != nil {
		return // the disk failed, which says nothing about the journal
	}
	if err := in.Ledger.CheckLead(i, s.Batch); err != nil {
		in.alarms.Reject(p, protocol.LeadLie(err), true, "%v", err) // a batch that no branch can have written proves nothing
		return
	}
	here := in.batchAt(i, s.Batch.FirstSequence)
	if rival := in.pending.rival(s); i == in.Self && rival != nil {
		here = rival
	}
	if here == nil {
		in.fail(fmt.Errorf("the journal of branch %d has an entry %d here, and no batch that begins with it", in.Peers[i].Branch, s.Batch.FirstSequence))
		return
	}
	for _, q := range in.Peers {
		delete(q.doubts, i)
	}
	if in.forks.open[i] != nil {
		return
	}
	in.forks.add(i, ledger.Fork{Sides: [2]*ledger.Outline{here, &s.Outline}, ShownBy: p.Branch})
	in.commit.Sync = true
	if i == in.Self {
		in.recovery.halt(protocol.ForkText(in.forks.open[i]))
		return
	}
	in.stopped[i] = true
	in.dropEarly(i)
	in.Peers[i].forkedDue = true
	in.progress.wake(i)
}

// batchAt returns the batch of the i-th journal that begins at a sequence, or nil.
func (in *intake) batchAt(i int, first uint64) *ledger.Outline {
	b := in.Peers[i].Branch
	commits := in.commit.Batches
	if in.out.Commit != nil {
		commits = in.out.Commit.Batches
	}
	for _, s := range commits {
		if s.Span.Branch == b && s.Span.First == first {
			return &s.Outline
		}
	}
	stored, err := in.Config.Storage.Batches(b, first-1, 1)
	if err != nil {
		in.fail(fmt.Errorf("read journal of branch %d after entry %d: %w", b, first-1, err))
	}
	if len(stored) == 0 || stored[0].Span.First != first {
		return nil
	}
	return stored[0]
}

// accuse tells the writer of a journal that the journal has forked, with both
// batches: at least one of them differs from the writer's own.
func (in *intake) accuse(p *Peer, f *protocol.Frame) {
	if found := in.forks.open[p.Index]; found != nil {
		f.Outlines = append(f.Outlines, found.Sides[0], found.Sides[1])
	}
}

// receiveAccusation handles a peer's accusation that this branch's journal has
// forked. It counts for nothing without a proof, which comes before it.
func (in *intake) receiveAccusation(p *Peer) {
	if in.State == protocol.Serving && p.doubts[in.Self] == nil && !p.aside[in.Self] {
		in.alarms.Reject(p, protocol.BadAccusation, true, "it says that this branch's journal has forked, and shows no batch that differs")
	}
}

// setAside passes over a peer's copy of the i-th journal until its next hello: it has shown
// a batch that does not count. Nobody has decided there yet, or it has to be started again.
// Perhaps nobody knows there that the journal has forked, so it is shown the other batch.
func (in *intake) setAside(p *Peer, i int, dropped ledger.Hash) {
	if p.aside == nil {
		p.aside = map[int]bool{}
	}
	if kept := in.forks.keptFor(dropped); !p.aside[i] && kept != nil && p.Usable() {
		f := in.progress.frameTo(p)
		f.Outlines = append(f.Outlines, kept)
	}
	p.aside[i] = true
	delete(p.doubts, i)
	delete(p.asked, i)
	if p.advertised != nil {
		p.advertised[i] = 0
	}
	in.dropEarlyOf(p)
	if i == in.Self {
		p.agreed = false // its acks may speak of the batch that does not count
		in.recovery.unhear(p)
	}
}

// decide records which batch of a fork counts. If this branch has applied that one, it goes
// on with the journal at once. If it has applied the other one, or the journal is its own,
// the decision takes effect when it next starts.
func (in *intake) decide(f *ledger.Fork, keep ledger.Hash, why ledger.Decision) {
	if f.Kept == keep {
		return
	}
	f.Kept, f.Decision = keep, why
	fs := &in.forks
	if !slices.Contains(fs.changed, f.Key()) {
		fs.changed = append(fs.changed, f.Key())
	}
	fs.dropped = ledger.DroppedBy(fs.kept)
	in.pending.counted = slices.DeleteFunc(in.pending.counted, func(s *ledger.Sealed) bool { return fs.dropped[s.Hash] })
	in.commit.Sync = true
	i, _ := in.Ledger.Index(f.Key().Branch)
	switch d := f.Dropped(); {
	case i == in.Self:
		in.commit.Unsettled = true
		fs.open[i] = f
		in.recovery.halt(protocol.ForkText(f))
	case in.has(i, d.Span.Last, d.Hash):
		fs.open[i], in.stopped[i] = f, true
		in.dropEarly(i)
	case fs.open[i] == f:
		in.goOn(i)
	}
}

// goOn applies a journal again that had stopped.
func (in *intake) goOn(i int) {
	in.forks.open[i], in.stopped[i] = nil, false
	in.misfits[i], in.Peers[i].forkedDue = ledger.Hash{}, false
	in.Recheck = true
	in.mayFetch(i)
	in.progress.oweAck(in.Peers[i])
	for _, p := range in.Peers { // they may have set this branch aside
		if p.Usable() {
			in.progress.sayHello(p)
		}
	}
}

// ResolveFork records which batch of a fork counts, and reports whether there is such a
// fork. It returns an error unless the batch is one of the two.
func (j *Journals) ResolveFork(id string, keep ledger.Hash, why ledger.Decision) (bool, error) {
	for k := range j.intake.forks.kept {
		f := &j.intake.forks.kept[k]
		if protocol.ForkAlarmID(f.Key()) != id {
			continue
		}
		if keep != f.Sides[0].Hash && keep != f.Sides[1].Hash {
			return true, protocol.ErrNoSide
		}
		j.intake.decide(f, keep, why)
		return true, nil
	}
	return false, nil
}

// Fork returns a fork by the id of its alarm, and whether it stops the journal here; nil if
// there is no such one.
func (j *Journals) Fork(id string) (f *ledger.Fork, open bool) {
	for k := range j.intake.forks.kept {
		if f := &j.intake.forks.kept[k]; protocol.ForkAlarmID(f.Key()) == id {
			c := *f
			return &c, slices.Contains(j.intake.forks.open, f)
		}
	}
	return nil, false
}

// keptFor returns the batch that counts in the place of one that does not.
func (f *forks) keptFor(dropped ledger.Hash) *ledger.Outline {
	for k := range f.kept {
		if d := f.kept[k].Dropped(); d != nil && d.Hash == dropped {
			return f.kept[k].Counts()
		}
	}
	return nil
}

// openForks returns the forks that stop a journal here.
func (f *forks) openForks() []*ledger.Fork {
	var open []*ledger.Fork
	for k := range f.kept {
		if slices.Contains(f.open, &f.kept[k]) {
			open = append(open, &f.kept[k])
		}
	}
	return open
}

// of reports whether the journal of a branch has ever forked.
func (f *forks) of(b ledger.BranchID) bool {
	return slices.ContainsFunc(f.kept, func(fork ledger.Fork) bool { return fork.Key().Branch == b })
}
