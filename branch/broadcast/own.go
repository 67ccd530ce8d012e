package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// OwnBatch gathers the entries that this branch makes, and seals them in each Ready.
type OwnBatch struct {
	*Core              // what all parts know
	alarms   *Alarms   // what the operator is told
	progress *progress // the peers, and frames for them
	listener Listener  // what decides on accounts
	forks    *forks    // those to be written
	// entries are those of this Ready, posted is what posting each led to. Once they are
	// sealed, posted lasts until the next Ready that makes any.
	entries []ledger.Entry
	posted  []ledger.Posted // by entry
	// lastCount is how many there were in the Ready before that made any.
	lastCount int
	// after are the positions named in own batches so far.
	after []uint64
	// extended is memory for the journals that a commit extends.
	extended indexes
	// recent are own batches that peers may still need, oldest first.
	recent      []*ledger.Outline
	recentBytes int // the size of recent
	// fresh are the requests that are not committed yet.
	fresh map[ledger.RequestKey]recorded
}

func newOwnBatch(c *Core, al *Alarms, pr *progress, l Listener) OwnBatch {
	return OwnBatch{Core: c, alarms: al, progress: pr, listener: l, after: make([]uint64, c.N), extended: newIndexes(c.N), fresh: map[ledger.RequestKey]recorded{}}
}

// Post records an entry of this branch's own. The caller has checked that the
// ledger allows it.
func (o *OwnBatch) Post(e ledger.Entry) (*ledger.Entry, ledger.Posted) {
	o.session = nil
	e.Sequence, e.Clock = o.Head(o.Self)+1, o.Clock()+1
	o.last = e.Clock
	posted, err := o.Ledger.Post(o.Self, &e)
	if err != nil {
		panic(fmt.Sprintf("branch %d posts an entry that its ledger refuses: %v", o.Config.ID, err))
	}
	if len(o.entries) == 0 {
		o.entries, o.posted = roomFor[ledger.Entry](o.lastCount), emptied(o.posted)
	}
	o.entries = append(o.entries, e)
	o.posted = append(o.posted, posted)
	own := &o.entries[len(o.entries)-1]
	o.remember(ledger.Position{Branch: o.Config.ID, Sequence: e.Sequence}, own, posted.Balance)
	o.listener.Made(own)
	return own, posted
}

// recorded is a [ledger.Recorded] that lasts as long as its batch.
type recorded struct {
	at      ledger.Position // where it is recorded
	entry   *ledger.Entry   // what is recorded
	balance ledger.Amount   // right after it
}

// remember makes a request known until the commit that has it is done.
func (o *OwnBatch) remember(at ledger.Position, e *ledger.Entry, balance ledger.Amount) {
	if key := e.RequestKey(); key != "" {
		o.fresh[key] = recorded{at, e, balance}
	}
}

// step seals the entries that this Ready has made, and hands out its commit.
func (o *OwnBatch) step() {
	o.seal()
	o.finishCommit()
}

// seal makes batches of the entries that this Ready made.
func (o *OwnBatch) seal() {
	for from := 0; from < len(o.entries); {
		to := o.batchFrom(from)
		b := &ledger.Batch{
			Branch: o.Config.ID, Epoch: o.epoch, FirstSequence: o.entries[from].Sequence,
			Entries: o.entries[from:to:to], After: o.nextAfter(), PrevHash: o.Ledger.Head(o.Self).Hash,
		}
		s := ledger.NewSealed(b)
		o.Ledger.Seal(o.Self, s.Hash, o.epoch)
		o.commit.Batches = append(o.commit.Batches, ledger.StoredBatch{Sealed: s, Posted: o.posted[from:to:to], Made: true})
		o.commit.Sync = true
		o.keep(&s.Outline)
		o.progress.wakeAll()
		from, o.lastCount = to, len(o.entries)
	}
	o.entries = nil
}

// keep keeps an own batch that peers may need, which follows those that are kept.
func (o *OwnBatch) keep(s *ledger.Outline) {
	o.recent = append(o.recent, s)
	o.recentBytes += len(s.Bytes)
}

// batchFrom returns where the batch ends that begins with one of the entries.
func (o *OwnBatch) batchFrom(from int) int {
	to, bytes := from, 0
	for to < len(o.entries) && to-from < ledger.MaxBatchEntries/2 && (to == from || bytes+o.entries[to].MaxBytes() <= ledger.MaxBatchBytes/4) {
		bytes += o.entries[to].MaxBytes()
		to++
	}
	return to
}

// nameAllAgain makes the next own batch name the positions of all journals.
func (o *OwnBatch) nameAllAgain() { clear(o.after) }

// committed forgets what the last Ready has committed.
func (o *OwnBatch) committed() {
	clear(o.fresh)
	o.trimRecent()
}

// nextAfter returns the positions that changed since the last own batch.
func (o *OwnBatch) nextAfter() []ledger.Position {
	after := make([]ledger.Position, 0, o.N)
	for i, p := range o.Peers {
		if s := o.Head(i); i != o.Self && s > o.after[i] {
			after = append(after, ledger.Position{Branch: p.Branch, Sequence: s})
			o.after[i] = s
		}
	}
	return after
}

// finishCommit hands out what was gathered, if anything.
func (o *OwnBatch) finishCommit() {
	c := o.handOutCommit()
	c.Accounts, c.Doubles, c.Forks = o.Ledger.TakeTouched(), o.alarms.doubles.changes(), o.forks.changes()
	if len(c.Batches) == 0 && !c.Sync {
		return
	}
	clear(o.extended)
	for _, b := range c.Batches {
		i, _ := o.Ledger.Index(b.Batch.Branch)
		o.extended.add(i)
	}
	for i := o.extended.next(0); i >= 0; i = o.extended.next(i + 1) {
		c.Heads = append(c.Heads, ledger.BranchHead{Branch: o.Peers[i].Branch, Head: o.Ledger.Head(i)})
	}
	c.Clock = o.Ledger.Clock()
	if c.Sync {
		for i := range o.synced {
			o.synced[i] = o.Head(i)
		}
	}
	o.out.Commit = c
}

// Recorded finds a request among what this branch has applied.
func (o *OwnBatch) Recorded(key ledger.RequestKey) (ledger.Recorded, bool) {
	if rec, ok := o.fresh[key]; ok {
		return ledger.Recorded{At: rec.at, Entry: *rec.entry, Balance: rec.balance}, true
	}
	rec, ok, err := o.Config.Storage.Request(key)
	if err != nil {
		o.fail(fmt.Errorf("look up %s: %w", key, err))
	}
	return rec, ok
}

// batchesAfter returns own batches after sequence, from memory when they are
// there.
func (o *OwnBatch) batchesAfter(after uint64) []*ledger.Outline {
	if recent := o.recent; len(recent) > 0 && recent[0].Span.First <= after+1 {
		lo, hi := 0, len(recent)
		for lo < hi {
			if mid := (lo + hi) / 2; recent[mid].Span.First <= after {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return recent[lo:]
	}
	batches, err := o.Config.Storage.Batches(o.Config.ID, after, leastWindowBytes)
	if err != nil {
		o.fail(fmt.Errorf("read own journal after entry %d: %w", after, err))
	}
	return batches
}

// Kept returns the own batches that are kept in memory.
func (o *OwnBatch) Kept() []*ledger.Outline { return o.recent }

// trimRecent drops own batches that can be read from disk by now.
func (o *OwnBatch) trimRecent() {
	for o.recentBytes > maxRecentBytes && len(o.recent) > 1 {
		o.recentBytes -= len(o.recent[0].Bytes)
		o.recent[0] = nil
		o.recent = o.recent[1:]
	}
}
