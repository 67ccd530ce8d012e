package replica

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// earlyBatches are batches of one journal that wait for what comes before
// them, or for what they depend on. They are ascending.
type earlyBatches struct {
	batches []earlyBatch
	bytes   int
	// from is the peer that sent the first of them, since when it waits.
	from  *peer
	since Millis
}

// earlyBatch is one of them, and who sent it.
type earlyBatch struct {
	*ledger.Sealed
	from *peer
}

// receiveBatch applies a batch that is next in its journal and whose
// dependencies are applied, keeps one that is early, and ignores a duplicate.
// One that does not chain, or breaks a rule, stops its journal here.
func (r *Replica) receiveBatch(from *peer, s *ledger.Sealed) {
	i, ok := r.ledger.Index(s.Batch.Branch)
	if !r.founding.bank.Founded {
		return
	}
	if problem := r.checkBatch(s.Batch); !ok || problem != "" {
		r.reject(from, BadForm, true, "entry %d of branch %d: %s", s.Batch.LastSequence(), s.Batch.Branch, problem)
		return
	}
	if r.stopped[i] {
		return
	}
	r.oweAck(r.peers[i])
	if len(from.doubts) > 0 {
		r.judge(from, i, s)
	}
	switch first, head := s.Batch.FirstSequence, r.head(i); {
	case i == r.self && r.recovery.state == Halted:
	case r.holds(i, s):
	case first <= head && r.follows(i, s):
		r.prove(from, i, s)
	case first <= head:
		r.doubt(from, i, max(1, first-1), BadBatch, "entry %d of branch %d follows another batch than is here", first, s.Batch.Branch)
	case i == r.self:
		r.receiveOwn(from, s)
	case first > head+1 || r.missing(s).Branch != 0:
		r.keepEarly(from, i, s)
		r.doubtAfter(from, s)
	default:
		r.apply(from, i, s)
		r.applyEarly()
	}
}

// receiveOwn takes a batch of this branch's own journal that is not here. A branch
// that recovers fetches it back. One that serves has lost it, and did not know, if
// it follows what is here; else the peer has to show where they part.
func (r *Replica) receiveOwn(from *peer, s *ledger.Sealed) {
	head, last := r.ledger.Head(r.self), s.Batch.LastSequence()
	next := s.Batch.FirstSequence == head.Sequence+1
	ready := next && r.missing(s).Branch == 0
	switch recovering := r.recovery.state == Recovering; {
	case recovering && !ready:
		r.recovery.learn(r, from, last)
		r.keepEarly(from, r.self, s)
	case recovering, ready && s.Batch.PrevHash == head.Hash:
		r.apply(from, r.self, s)
		r.applyEarly()
	default:
		r.doubtEnd(from, last)
	}
}

// doubtAfter has the peer that sent a batch show what it comes after of this
// branch's own journal, where that is not here.
func (r *Replica) doubtAfter(from *peer, s *ledger.Sealed) {
	for _, a := range s.Batch.After {
		if a.Branch == r.cfg.ID && a.Sequence > r.head(r.self) && r.recovery.state == Serving {
			r.doubtEnd(from, a.Sequence)
		}
	}
}

// missing returns a position that the batch depends on and that is not applied
// here: the causal wait.
func (r *Replica) missing(s *ledger.Sealed) ledger.Position {
	for _, a := range s.Batch.After {
		i, ok := r.ledger.Index(a.Branch)
		if !ok || r.head(i) < a.Sequence {
			return a
		}
	}
	return ledger.Position{}
}

// apply posts a batch that fits, or stops its journal.
func (r *Replica) apply(from *peer, i int, s *ledger.Sealed) {
	head := r.ledger.Head(i)
	if s.Hash == r.misfits[i] {
		return
	}
	if s.Batch.PrevHash != head.Hash {
		r.doubt(from, i, max(1, head.Sequence), BadBatch, "entry %d of branch %d does not follow the one before it", s.Batch.FirstSequence, s.Batch.Branch)
		return
	}
	if s.Batch.Epoch < head.Epoch {
		r.reject(from, BadEpoch, true, "entry %d of branch %d is of boot %d, the one before it of boot %d", s.Batch.FirstSequence, s.Batch.Branch, s.Batch.Epoch, head.Epoch)
		return
	}
	if err := r.ledger.CheckLead(i, s.Batch); err != nil {
		r.reject(from, LeadLie(err), true, "%v", err)
		return
	}
	posted, err := r.ledger.PostBatch(s)
	if err != nil {
		r.misfit(from, i, s, err)
		return
	}
	r.misfits[i] = ledger.Hash{}
	r.commit.Batches = append(r.commit.Batches, ledger.StoredBatch{Sealed: s, Posted: posted})
	r.commit.Sync = r.commit.Sync || i == r.self || s.Batch.FirstSequence <= r.peers[i].syncUpTo
	r.recheck = true
	r.oweAck(r.peers[i])
	r.fetches[i].appliedAt = r.now
	if r.fetches[i].from != nil {
		r.fetches[i].again = true
		r.fetching.add(i)
	}
	recorded := r.positions(s.Batch)
	for k := range s.Batch.Entries {
		e := &s.Batch.Entries[k]
		at := ledger.Position{Branch: s.Batch.Branch, Sequence: e.Sequence}
		if e.RequestID != "" && r.isFirst(at, e, recorded[k]) {
			r.remember(at, e, posted[k].Balance)
		}
		r.followSpent(i, e)
		e.EachAccount(r.touchAccount)
	}
	if i == r.self {
		clear(r.own.after) // the next own batch names them all again
		r.due.addAll(r.n)
		r.dropDoubts(head.Sequence)
		r.recovery.applied(r, from)
	}
}

// positions returns where the request ids of a batch that was just posted are
// on disk, by its entries; zero where they are not. They are looked for
// together, since one by one that would cost more than all else of a batch.
func (r *Replica) positions(b *ledger.Batch) []ledger.Position {
	ids, places := make([]string, 0, len(b.Entries)), make([]int, 0, len(b.Entries))
	for k := range b.Entries {
		if id := b.Entries[k].RequestID; id != "" {
			ids, places = append(ids, id), append(places, k)
		}
	}
	at := make([]ledger.Position, len(b.Entries))
	if len(ids) == 0 {
		return at
	}
	found, err := r.cfg.Storage.Positions(ids)
	if err != nil {
		r.fail(fmt.Errorf("look up the request ids of a batch of branch %d: %w", b.Branch, err))
		return at
	}
	for i, k := range places {
		at[k] = found[i]
	}
	return at
}

// isFirst reports whether an entry is the first that has its request id, as it
// should be: otherwise two journals hold one request id, the customer was served
// twice, and an alarm says so. recorded is where the disk has the request id.
func (r *Replica) isFirst(at ledger.Position, e *ledger.Entry, recorded ledger.Position) bool {
	if p := r.byRequest[e.RequestID]; p != nil {
		p.overtaken = true
	}
	if rec, ok := r.fresh[e.RequestID]; ok {
		recorded = rec.at
	}
	if recorded.Sequence == 0 || recorded == at {
		return true
	}
	r.foundTwice(at, e)
	return false
}

// keepEarly keeps a batch until it fits; over the bound the last one is
// dropped and comes again, since it is not acked.
func (r *Replica) keepEarly(from *peer, i int, s *ledger.Sealed) {
	q := &r.early[i]
	k, found := slices.BinarySearchFunc(q.batches, s.Batch.FirstSequence, func(b earlyBatch, first uint64) int {
		switch {
		case b.Batch.FirstSequence < first:
			return -1
		case b.Batch.FirstSequence > first:
			return 1
		}
		return 0
	})
	if found && (q.batches[k].Hash == s.Hash || from != r.peers[i]) {
		return
	}
	if found { // the writer knows better than who relays
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
		q.since = r.now
	}
	if k == 0 {
		q.from = from
	}
	q.batches = slices.Insert(q.batches, k, earlyBatch{s, from})
	q.bytes += len(s.Bytes)
	r.gapped.add(i)
}

// dropEarlyOf forgets the early batches that a peer has sent of any journal.
func (r *Replica) dropEarlyOf(p *peer) {
	for i := r.gapped.next(0); i >= 0; i = r.gapped.next(i + 1) {
		q := &r.early[i]
		q.batches = slices.DeleteFunc(q.batches, func(b earlyBatch) bool {
			if b.from == p {
				q.bytes -= len(b.Bytes)
			}
			return b.from == p
		})
		switch {
		case len(q.batches) == 0:
			r.dropEarly(i)
		case q.from == p:
			q.from, q.since = q.batches[0].from, r.now
		}
	}
}

// dropEarly forgets the batches of a journal that came early.
func (r *Replica) dropEarly(i int) {
	r.early[i] = earlyBatches{}
	r.gapped.remove(i)
}

// applyEarly applies the batches that have waited for what was just applied.
func (r *Replica) applyEarly() {
	for again := true; again; {
		again = false
		for i := r.gapped.next(0); i >= 0; i = r.gapped.next(i + 1) {
			for r.applyFirstEarly(i) {
				again = true
			}
		}
	}
}

func (r *Replica) applyFirstEarly(i int) bool {
	q := &r.early[i]
	if len(q.batches) == 0 {
		return false
	}
	s := q.batches[0]
	head := r.head(i)
	fits := s.Batch.FirstSequence == head+1 && r.missing(s.Sealed).Branch == 0
	if !fits && s.Batch.FirstSequence > head && !r.stopped[i] {
		return false
	}
	q.batches = slices.Delete(q.batches, 0, 1)
	if len(q.batches) == 0 {
		r.gapped.remove(i)
	}
	q.bytes -= len(s.Bytes)
	if q.since = r.now; len(q.batches) > 0 {
		q.from = q.batches[0].from
	}
	if fits && !r.stopped[i] {
		r.apply(s.from, i, s.Sealed)
	}
	return true
}

// hashAt returns the hash of the batch of the i-th journal that ends at
// sequence.
func (r *Replica) hashAt(i int, sequence uint64) (ledger.Hash, bool) {
	if head := r.ledger.Head(i); head.Sequence == sequence {
		return head.Hash, true
	}
	b := r.peers[i].branch
	for _, s := range r.commit.Batches {
		if s.Batch.Branch == b && s.Batch.LastSequence() == sequence {
			return s.Hash, true
		}
	}
	hash, ok, err := r.cfg.Storage.HashAt(b, sequence)
	if err != nil {
		r.fail(fmt.Errorf("read the hash of entry %d of branch %d: %w", sequence, b, err))
	}
	return hash, ok && err == nil
}

// misfit keeps a batch from being applied that follows the one before it and yet
// breaks a rule in this view. That is no proof of a fork: the writer may have seen
// another side of a third journal, or it is not the writer's. So nobody is told
// that its journal has forked, or one fork would halt the whole bank; and another
// batch that comes in its place is applied if it fits.
func (r *Replica) misfit(from *peer, i int, s *ledger.Sealed, err error) {
	if r.misfits[i] = s.Hash; i == r.self {
		r.reject(from, BadBatch, true, "a batch of this branch's own journal breaks a rule: %v", err)
		return
	}
	r.reject(from, BadBatch, false, "a batch of branch %d breaks a rule here: %v", r.peers[i].branch, err)
	if !r.misfitTold[i] && r.refusalAlarms < maxRefusalAlarms {
		r.misfitTold[i] = true
		r.refusalAlarms++
		r.alarm(AlarmStopped, fmt.Sprintf("the journal of branch %d is applied no further with what was sent: it breaks a rule here, so it has forked or one that it depends on has, or its sender lies: %v", r.peers[i].branch, err))
	}
}
