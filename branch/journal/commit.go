package journal

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook/branch/ledger"
)

// Commit writes all of c or nothing. When c.Sync is set it returns once c and
// every commit before it are on disk; otherwise a crash may take c back, with
// all that came after it. An error stops the journal: it is unknown whether c
// survives, nothing of it is ever shown by this process, and every further
// Commit returns the same error.
func (j *Journal) Commit(c *ledger.Commit) error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.disk.failure(); err != nil {
		return err
	}
	if err := j.write(c); err != nil {
		return j.disk.fail(err)
	}
	// A write that failed, of this commit or of an earlier one, was reported
	// to the disk only.
	if err := j.disk.failure(); err != nil {
		return err
	}
	j.state = j.writer.state
	if c.Sync && j.flushed.Swap(false) {
		if err := j.mark(j.writer.ends); err != nil {
			return j.disk.fail(err)
		}
	}
	j.visible.publish(j.writer.ends, j.state.order)
	return nil
}

func (j *Journal) write(c *ledger.Commit) (err error) {
	w := &j.writer
	w.begin(j)
	defer w.out.Close() //nolint:errcheck // it releases memory, and can't fail
	for i := range c.Batches {
		if err := w.addBatch(j, &c.Batches[i]); err != nil {
			return err
		}
	}
	if err := w.addHeads(j, c.Heads); err != nil {
		return err
	}
	for i := range c.Accounts {
		w.set(appendAccountKey(w.key[:0], c.Accounts[i].Name), appendAccount(w.value[:0], &c.Accounts[i]))
	}
	w.state.clock = max(w.state.clock, c.Clock)
	w.state.settled = w.state.settled || c.Settled
	// The state is written each time, so that a commit of nothing is not empty:
	// Pebble would not sync that.
	w.set(append(w.key[:0], stateKey...), w.state.append(w.value[:0]))
	if w.err != nil {
		return w.err
	}
	if c.Sync {
		return w.out.Commit(pebble.Sync)
	}
	return w.out.Commit(pebble.NoSync)
}

// writer gathers one commit. It is kept for its memory.
type writer struct {
	out *pebble.Batch
	// err is the first that adding to out returned.
	err error
	// ends are the sequences where the journals end, by the bank's order.
	ends  []uint64
	state state

	key, value, posted []byte
	touches            []touch
	indexes            []int
}

func (w *writer) begin(j *Journal) {
	w.out, w.err, w.state = j.db.NewBatch(), nil, j.state
	w.ends = w.ends[:0]
	for i := range j.visible.heads {
		w.ends = append(w.ends, j.visible.heads[i].Load())
	}
}

// set adds a key and its value, and keeps their memory for the next.
func (w *writer) set(key, value []byte) {
	w.keep(key, value, w.out.Set(key, value, nil))
}

func (w *writer) keep(key, value []byte, err error) {
	w.key, w.value = key, value
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) addBatch(j *Journal, b *ledger.StoredBatch) error {
	i, ok := slices.BinarySearch(j.branches, b.Batch.Branch)
	if !ok {
		return fmt.Errorf("batch of branch %d, which this bank does not have", b.Batch.Branch)
	}
	last := b.Batch.LastSequence()
	if want := w.ends[i] + 1; b.Batch.FirstSequence != want {
		return fmt.Errorf("%s begins at %d, where %d is next", batchName(b.Batch.Branch, last), b.Batch.FirstSequence, want)
	}
	if len(b.Posted) != len(b.Batch.Entries) {
		return fmt.Errorf("%s has %d entries, of which %d are posted", batchName(b.Batch.Branch, last), len(b.Batch.Entries), len(b.Posted))
	}
	w.ends[i] = last
	w.state.order++
	w.posted = appendPosted(w.posted[:0], b)
	w.set(appendBatchKey(w.key[:0], b.Batch.Branch, last), appendBatch(w.value[:0], w.posted, w.state.order, b))
	w.addRequests(b)
	w.touches = appendTouches(w.touches[:0], b.Batch)
	w.addMentions(b.Batch)
	return nil
}

func (w *writer) addRequests(b *ledger.StoredBatch) {
	for i := range b.Batch.Entries {
		e := &b.Batch.Entries[i]
		if e.RequestID == "" {
			continue
		}
		key := appendRequestKey(w.key[:0], e.RequestID)
		value := appendRequest(w.value[:0], ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}, b.Posted[i].Balance)
		w.keep(key, value, w.out.Merge(key, value, nil))
	}
}

// addMentions writes, for each account that w.touches names, which entries of
// the batch changed its balance.
func (w *writer) addMentions(b *ledger.Batch) {
	eachMention(w.touches, b, &w.indexes, func(account string, m mention) {
		w.set(appendStatementKey(w.key[:0], account, w.state.order), appendMention(w.value[:0], m))
	})
}

// addHeads writes the heads, which must be where the batches end.
func (w *writer) addHeads(j *Journal, heads []ledger.BranchHead) error {
	for _, h := range heads {
		i, ok := slices.BinarySearch(j.branches, h.Branch)
		if !ok {
			return fmt.Errorf("head of branch %d, which this bank does not have", h.Branch)
		}
		if h.Sequence != w.ends[i] {
			return fmt.Errorf("head of branch %d is at sequence %d, its journal ends at %d", h.Branch, h.Sequence, w.ends[i])
		}
		w.set(appendHeadKey(w.key[:0], h.Branch), appendHead(w.value[:0], h.Head))
	}
	for i := range w.ends {
		if w.ends[i] != j.visible.heads[i].Load() && !slices.ContainsFunc(heads, func(h ledger.BranchHead) bool { return h.Branch == j.branches[i] }) {
			return fmt.Errorf("commit has batches of branch %d, and not its head", j.branches[i])
		}
	}
	return nil
}
