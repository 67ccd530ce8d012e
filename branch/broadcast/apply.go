package broadcast

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// intake handles the batches of all journals: it applies those that fit, keeps those
// that are early, fetches those that are missing, and searches for the place where a
// peer's copy of a journal differs.
type intake struct {
	*Core              // what all parts know
	alarms   *Alarms   // what the operator is told
	founding *founding // the bank
	recovery *Recovery // the state of this branch
	progress *progress // the peers, and frames for them
	own      *OwnBatch // entries of this branch
	listener Listener  // what decides on accounts
	// forks are those that were proven, stopped the journals that are no longer applied
	// because of one. This and all that follow are by index.
	forks   forks
	stopped []bool
	// misfits are the last batches that broke a rule here, misfitAt says how much was
	// applied then; misfitTold says that an alarm tells of one.
	misfits    []ledger.Hash
	misfitAt   []uint64 // by index
	misfitTold []bool   // by index
	// applied counts the batches applied since the start.
	applied uint64
	// pending are batches that count and can't be posted yet.
	pending pending
	// doubting are the peers that have to show something.
	doubting indexes
	// early are the batches that came early, gapped the journals that have some.
	early  []earlyBatches
	gapped indexes // of early
	// keys is memory for the keys of the requests of one batch.
	keys []ledger.RequestKey
	// fetches say how journals are asked for. fetching are those that are asked for,
	// or may have to be.
	fetches  []fetch
	fetching indexes // of fetches
}

func newIntake(c *Core, l Listener, waiting pending) intake {
	in := intake{
		Core: c, listener: l, forks: newForks(c), stopped: make([]bool, c.N), misfits: make([]ledger.Hash, c.N), misfitAt: make([]uint64, c.N), misfitTold: make([]bool, c.N),
		pending:  waiting,
		doubting: newIndexes(c.N), early: make([]earlyBatches, c.N), gapped: newIndexes(c.N), fetches: make([]fetch, c.N), fetching: newIndexes(c.N),
	}
	in.fetching.addAll(c.N)
	for i, f := range in.forks.open {
		in.stopped[i] = f != nil && i != c.Self
	}
	return in
}

// earlyBatches are batches of one journal that wait for what comes before them, or
// for what they depend on.
type earlyBatches struct {
	// batches are ascending; bytes is their size.
	batches []earlyBatch
	bytes   int // of all batches
	// from is the peer that sent the first of them, since is when that began to wait.
	from  *Peer
	since protocol.Millis
}

// earlyBatch is one of them, and the peer that sent it.
type earlyBatch struct {
	*ledger.Sealed       // the batch
	from           *Peer // its sender
}

// receiveBatch applies a batch that is next in its journal and whose
// dependencies are applied, keeps one that is early, and ignores a duplicate.
// One that does not chain, or breaks a rule, stops its journal here. Where branches sign,
// a batch without a signature is refused, also if its writer itself sends it: others
// would not take it from this branch, nor anything that depends on it.
func (in *intake) receiveBatch(from *Peer, s *ledger.Sealed) {
	i, ok := in.Ledger.Index(s.Batch.Branch)
	if !in.founding.bank.Founded {
		return
	}
	if problem := in.checkBatch(s.Batch); !ok || problem != "" {
		in.alarms.Reject(from, protocol.BadForm, true, "entry %d of branch %d: %s", s.Batch.LastSequence(), s.Batch.Branch, problem)
		return
	}
	if len(in.forks.dropped) > 0 && in.forks.dropped[s.Hash] {
		in.setAside(from, i, s.Hash)
		return
	}
	if in.stopped[i] || from.aside[i] {
		return
	}
	if in.Config.Signed && s.Signature == nil && !in.isHere(i, s) {
		in.alarms.Reject(from, protocol.BadSignature, true, "the batch of branch %d that ends with entry %d is not signed; what was written before the bank had certificates is taken with --accept-unsigned", s.Batch.Branch, s.Batch.LastSequence())
		return
	}
	in.progress.oweAck(in.Peers[i])
	if len(from.doubts) > 0 {
		in.judge(from, i, s)
	}
	switch first, head := s.Batch.FirstSequence, in.Head(i); {
	case i == in.Self && in.State == protocol.Halted:
	case in.isHere(i, s):
	case first <= head && in.follows(i, s):
		in.prove(from, i, s)
	case first <= head:
		in.doubt(from, i, max(1, first-1), protocol.BadBatch, "entry %d of branch %d follows another batch than is here", first, s.Batch.Branch)
	case i == in.Self:
		in.receiveOwn(from, s)
	case first > head+1 || in.missing(s).Branch != 0:
		in.keepEarly(from, i, s)
		in.doubtAfter(from, s)
	default:
		in.apply(from, i, s)
		in.applyEarly()
	}
}

// receiveOwn handles a batch of this branch's own journal that is not here. A branch
// that recovers fetches it back. If a branch that serves gets one that follows what
// is here, it had lost that batch and did not know. Otherwise the peer has to show
// where the two copies part.
func (in *intake) receiveOwn(from *Peer, s *ledger.Sealed) {
	head, last := in.Ledger.Head(in.Self), s.Batch.LastSequence()
	next := s.Batch.FirstSequence == head.Sequence+1
	ready := next && in.missing(s).Branch == 0
	switch recovering := in.State == protocol.Recovering; {
	case in.takePending(from, s): // it is applied as soon as it can be
	case recovering && !ready:
		in.recovery.learn(from, last)
		in.keepEarly(from, in.Self, s)
	case recovering, ready && s.Batch.PrevHash == head.Hash:
		in.apply(from, in.Self, s)
		in.applyEarly()
	default:
		in.doubtEnd(from, last)
	}
}

// doubtAfter doubts the peer that sent a batch if the batch comes after entries of
// this branch's own journal that are not here: the peer has to show them.
func (in *intake) doubtAfter(from *Peer, s *ledger.Sealed) {
	for _, a := range s.Batch.After {
		if a.Branch == in.Config.ID && a.Sequence > in.Head(in.Self) && in.State == protocol.Serving {
			in.doubtEnd(from, a.Sequence)
		}
	}
}

// missing returns a position that the batch depends on and that is not applied
// here: the causal wait.
func (in *intake) missing(s *ledger.Sealed) ledger.Position {
	for _, a := range s.Batch.After {
		i, ok := in.Ledger.Index(a.Branch)
		if !ok || in.Head(i) < a.Sequence {
			return a
		}
	}
	return ledger.Position{}
}

// apply posts a batch that fits, or stops its journal.
func (in *intake) apply(from *Peer, i int, s *ledger.Sealed) {
	head := in.Ledger.Head(i)
	if s.Hash == in.misfits[i] && in.misfitAt[i] == in.progressed() {
		return // nothing has come since that could make it fit
	}
	if s.Batch.PrevHash != head.Hash {
		in.doubt(from, i, max(1, head.Sequence), protocol.BadBatch, "entry %d of branch %d does not follow the one before it", s.Batch.FirstSequence, s.Batch.Branch)
		return
	}
	if i == in.Self && in.pending.rival(s) != nil {
		in.prove(from, i, s)
		return
	}
	if s.Batch.Epoch < head.Epoch {
		in.alarms.Reject(from, protocol.BadEpoch, true, "entry %d of branch %d is of boot %d, the one before it of boot %d", s.Batch.FirstSequence, s.Batch.Branch, s.Batch.Epoch, head.Epoch)
		return
	}
	if err := in.Ledger.CheckLead(i, s.Batch); err != nil {
		in.alarms.Reject(from, protocol.LeadLie(err), true, "%v", err)
		return
	}
	posted, err := in.Ledger.PostBatch(s)
	if err != nil {
		in.misfit(from, i, s, err)
		return
	}
	in.misfits[i] = ledger.Hash{}
	in.fetches[i].appliedAt = in.Now
	if in.fetches[i].from != nil {
		in.fetches[i].again = true
		in.fetching.add(i)
	}
	in.record(i, s, posted)
	if i == in.Self {
		in.backOwn(head.Sequence)
		in.recovery.applied(from)
	}
}

// record commits a batch that was just posted.
func (in *intake) record(i int, s *ledger.Sealed, posted []ledger.Posted) {
	in.applied++
	in.commit.Batches = append(in.commit.Batches, ledger.StoredBatch{Sealed: s, Posted: posted})
	in.commit.Sync = in.commit.Sync || i == in.Self || s.Batch.FirstSequence <= in.Peers[i].syncUpTo
	in.Recheck = true
	in.progress.oweAck(in.Peers[i])
	in.remember(i, s, posted)
}

// backOwn follows a batch of this branch's own journal that was not written in this run,
// and was just posted after a sequence.
func (in *intake) backOwn(after uint64) {
	in.CountAsOwn(in.Ledger.Clock())
	in.own.nameAllAgain()
	in.progress.fetched = true
	in.progress.wakeAll()
	in.dropDoubts(after)
}

// remember tells the other parts about the entries of a batch of the i-th journal
// that was just posted.
func (in *intake) remember(i int, s *ledger.Sealed, posted []ledger.Posted) {
	recorded := in.positions(s.Batch)
	for k := range s.Batch.Entries {
		e := &s.Batch.Entries[k]
		if e.RequestID != "" {
			at, before := ledger.Position{Branch: s.Batch.Branch, Sequence: e.Sequence}, ledger.Position{}
			if len(recorded) > 0 {
				before, recorded = recorded[0], recorded[1:]
			}
			if in.isFirst(at, e, before) {
				in.own.remember(at, e, posted[k].Balance)
			}
		}
		in.listener.Applied(i, e)
	}
}

// positions returns where the request ids of a batch that was just posted are on disk,
// in the order of the entries that have one; nothing when none is. They are read
// together: reading them one by one would cost more than the rest of a batch.
func (in *intake) positions(b *ledger.Batch) []ledger.Position {
	keys := in.keys[:0]
	for k := range b.Entries {
		if key := b.Entries[k].RequestKey(); key != "" {
			keys = append(keys, key)
		}
	}
	found, err := in.Config.Storage.Positions(keys)
	if err != nil {
		in.fail(fmt.Errorf("look up the request ids of a batch of branch %d: %w", b.Branch, err))
		found = nil
	}
	in.keys = emptied(keys)
	return found
}

// isFirst reports whether an entry is the first that has its request id, as it
// should be. Otherwise two journals have one request id of one customer, who was served
// twice, and an alarm says so. recorded is where the disk has the request.
func (in *intake) isFirst(at ledger.Position, e *ledger.Entry, recorded ledger.Position) bool {
	if rec, ok := in.own.fresh[e.RequestKey()]; ok {
		recorded = rec.at
	}
	if recorded.Sequence == 0 || recorded == at {
		return true
	}
	in.alarms.foundTwice(at, e)
	return false
}

// keepEarly keeps a batch until it fits. Over the bound it drops the last one, which
// comes again since it is not acked.
func (in *intake) keepEarly(from *Peer, i int, s *ledger.Sealed) {
	q := &in.early[i]
	k, found := slices.BinarySearchFunc(q.batches, s.Batch.FirstSequence, func(b earlyBatch, first uint64) int {
		switch {
		case b.Batch.FirstSequence < first:
			return -1
		case b.Batch.FirstSequence > first:
			return 1
		}
		return 0
	})
	if found && (q.batches[k].Hash == s.Hash || from != in.Peers[i]) {
		return
	}
	if found { // the writer knows its journal better than a relay
		q.bytes -= len(q.batches[k].Bytes)
		q.batches = slices.Delete(q.batches, k, k+1)
	}
	for n := len(q.batches); n > 0 && (n >= maxEarlyBatches || q.bytes+len(s.Bytes) > maxEarlyBytes); n-- {
		if k == n {
			return
		}
		q.bytes -= len(q.batches[n-1].Bytes)
		q.batches = q.batches[:n-1]
	}
	if len(q.batches) == 0 {
		q.since = in.Now
	}
	if k == 0 {
		q.from = from
	}
	q.batches = slices.Insert(q.batches, k, earlyBatch{s, from})
	q.bytes += len(s.Bytes)
	in.gapped.add(i)
}

// dropEarlyOf forgets the early batches that a peer has sent of any journal.
func (in *intake) dropEarlyOf(p *Peer) {
	for i := in.gapped.next(0); i >= 0; i = in.gapped.next(i + 1) {
		q := &in.early[i]
		q.batches = slices.DeleteFunc(q.batches, func(b earlyBatch) bool {
			if b.from == p {
				q.bytes -= len(b.Bytes)
			}
			return b.from == p
		})
		switch {
		case len(q.batches) == 0:
			in.dropEarly(i)
		case q.from == p:
			q.from, q.since = q.batches[0].from, in.Now
		}
	}
}

// dropEarly forgets the batches of a journal that came early.
func (in *intake) dropEarly(i int) {
	in.early[i] = earlyBatches{}
	in.gapped.remove(i)
}

// applyEarly applies the batches that have waited for what was just applied.
func (in *intake) applyEarly() {
	for again := true; again; {
		again = false
		for i := in.gapped.next(0); i >= 0; i = in.gapped.next(i + 1) {
			for in.applyFirstEarly(i) {
				again = true
			}
		}
	}
}

func (in *intake) applyFirstEarly(i int) bool {
	q := &in.early[i]
	if len(q.batches) == 0 {
		return false
	}
	s := q.batches[0]
	head := in.Head(i)
	fits := s.Batch.FirstSequence == head+1 && in.missing(s.Sealed).Branch == 0
	if !fits && s.Batch.FirstSequence > head && !in.stopped[i] {
		return false
	}
	q.batches = slices.Delete(q.batches, 0, 1)
	if len(q.batches) == 0 {
		in.gapped.remove(i)
	}
	q.bytes -= len(s.Bytes)
	if q.since = in.Now; len(q.batches) > 0 {
		q.from = q.batches[0].from
	}
	if fits && !in.stopped[i] {
		in.apply(s.from, i, s.Sealed)
	}
	return true
}

// hashAt returns the hash of the batch of the i-th journal that ends at
// sequence.
func (in *intake) hashAt(i int, sequence uint64) (ledger.Hash, bool) {
	if head := in.Ledger.Head(i); head.Sequence == sequence {
		return head.Hash, true
	}
	b := in.Peers[i].Branch
	for _, s := range in.commit.Batches {
		if s.Batch.Branch == b && s.Batch.LastSequence() == sequence {
			return s.Hash, true
		}
	}
	hash, ok, err := in.Config.Storage.HashAt(b, sequence)
	if err != nil {
		in.fail(fmt.Errorf("read the hash of entry %d of branch %d: %w", sequence, b, err))
	}
	return hash, ok && err == nil
}
