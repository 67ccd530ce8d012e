package journal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// maxPendingBytes bounds the commits without a sync that are gathered before they are
// written, pendingFor how long they are. The time is random, at least half of that,
// or all branches of a process would write at once.
const (
	maxPendingBytes = 256 << 10
	pendingFor      = 100 * time.Millisecond
	// maxKeptAccounts bounds the states of accounts whose memory is used again.
	maxKeptAccounts = 64
)

// Commit writes all of c or nothing. When c.Sync is set it returns once c and
// every commit before it are on disk; otherwise a crash may take c back, with
// all that came after it. An error stops the journal: it is unknown whether c
// survives, nothing of it is ever shown by this process, and every further
// Commit returns the same error.
//
// A commit that need not be synced is not even written at once, since a crash
// may take it back anyway. It is written with the next one that must be synced,
// before the next read, or after a moment. So a branch that applies the batches of
// fifty peers writes a few large ones.
func (j *Journal) Commit(c *ledger.Commit) error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.disk.Failure(); err != nil {
		return err
	}
	if err := j.write(c); err != nil {
		return j.disk.Fail(err)
	}
	// If a write of this commit or of an earlier one failed, only the disk knows.
	if err := j.disk.Failure(); err != nil {
		return err
	}
	if err := j.keepHome(c); err != nil {
		return j.disk.Fail(err)
	}
	if c.Sync && j.flushed.Swap(false) {
		if err := j.mark(j.writer.ends); err != nil {
			return j.disk.Fail(err)
		}
	}
	return nil
}

// CommitMeanwhile is like Commit, and calls work while the disk writes, maybe on another
// goroutine. Whatever the error, work has returned when CommitMeanwhile does.
func (j *Journal) CommitMeanwhile(c *ledger.Commit, work func()) error {
	return j.disk.Meanwhile(func() error { return j.Commit(c) }, work)
}

func (j *Journal) write(c *ledger.Commit) error {
	w := &j.writer
	if w.out == nil {
		w.begin(j)
	}
	w.before = append(w.before[:0], w.ends...)
	for i := range c.Batches {
		if err := w.addBatch(j, &c.Batches[i]); err != nil {
			return err
		}
	}
	if err := w.addHeads(j, c.Heads); err != nil {
		return err
	}
	for i := range c.Accounts {
		w.addAccount(&c.Accounts[i])
	}
	for i := range c.Certificates {
		w.addCertificate(&c.Certificates[i])
	}
	for i := range c.Doubles {
		w.addDouble(&c.Doubles[i])
	}
	for i := range c.Forks {
		w.addFork(&c.Forks[i])
	}
	w.state.clock = max(w.state.clock, c.Clock)
	w.state.settled = (w.state.settled || c.Settled) && !c.Unsettled
	if c.Bank != nil {
		w.addBank(j, *c.Bank)
	}
	switch {
	case c.Sync:
		return j.finish(pebble.Sync)
	case w.out.Len() >= maxPendingBytes:
		return j.finish(pebble.NoSync)
	case !j.pending.Swap(true):
		j.writeSoon()
	}
	return nil
}

// finish writes what was gathered, and lets reads see it.
func (j *Journal) finish(how *pebble.WriteOptions) error {
	w := &j.writer
	for _, h := range w.heads {
		w.set(appendHeadKey(w.key[:0], h.Branch), appendHead(w.value[:0], h.Head))
	}
	for i := range w.accounts {
		w.set(appendAccountKey(w.key[:0], w.accounts[i].Name), appendAccount(w.value[:0], &w.accounts[i]))
	}
	// The state is written each time, so that a commit of nothing is not empty:
	// Pebble would not sync that.
	w.set(append(w.key[:0], stateKey...), w.state.append(w.value[:0]))
	out, err := w.out, w.err
	w.out = nil
	if err == nil {
		err = out.Commit(how)
	}
	_ = out.Close() // it releases memory, and can't fail
	if err == nil {
		err = j.disk.Failure()
	}
	if err != nil {
		return err
	}
	j.state = w.state
	j.visible.publish(w.ends, j.state.order)
	// Only now: a read that finds nothing pending reads the store at once.
	j.pending.Store(false)
	return nil
}

// writeSoon writes the pending commits in a moment.
func (j *Journal) writeSoon() {
	if j.patient {
		return
	}
	after := pendingFor/2 + rand.N(pendingFor/2)
	if j.later == nil {
		j.later = time.AfterFunc(after, func() { _ = j.catchUp() }) // a failure stops the journal
	} else {
		j.later.Reset(after)
	}
}

// catchUp writes what is pending.
func (j *Journal) catchUp() error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	return j.writePending()
}

// writePending is like catchUp, inside a call.
func (j *Journal) writePending() error {
	if !j.pending.Load() {
		return nil
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.disk.Failure(); err != nil {
		return err
	}
	if !j.pending.Load() {
		return nil
	}
	if err := j.finish(pebble.NoSync); err != nil {
		return j.disk.Fail(err)
	}
	return nil
}

// catchUpOn writes what is pending if one of the requests may be in it.
func (j *Journal) catchUpOn(keys ...ledger.RequestKey) error {
	if !j.pending.Load() {
		return nil
	}
	j.writing.Lock()
	there := j.writer.out != nil && slices.ContainsFunc(keys, func(key ledger.RequestKey) bool { return j.writer.requests[j.filter.Hash(string(key))] })
	j.writing.Unlock()
	if there {
		return j.writePending()
	}
	return nil
}

// writer gathers commits until they are written as one. Its memory is used again.
type writer struct {
	// out is nil when nothing is gathered.
	out *pebble.Batch
	// err is the first error of adding to out.
	err error
	// ends are the sequences where the journals end, by the bank's order;
	// before is where they ended before the commit that is being added.
	ends, before []uint64
	state        state // after the gathered commits
	// heads and accounts are as of the last commit that changed them.
	heads     []ledger.BranchHead
	accounts  []ledger.AccountState
	accountAt map[string]int // the place of each name in accounts
	// requests are the hashes of the request ids in out.
	requests map[uint64]bool

	key, value, posted []byte  // memory for one key and its value
	touches            []touch // memory for one batch
	indexes            []int   // memory for one mention
}

// addBank writes which bank the directory belongs to.
func (w *writer) addBank(j *Journal, b ledger.Bank) {
	j.id.Bank = b
	w.set(append(w.key[:0], identityKey...), j.id.append(w.value[:0]))
}

func (w *writer) begin(j *Journal) {
	w.out, w.err, w.state = j.db.NewBatch(), nil, j.state
	w.ends = w.ends[:0]
	for i := range j.visible.heads {
		w.ends = append(w.ends, j.visible.heads[i].Load())
	}
	w.heads, w.accounts = w.heads[:0], w.accounts[:0]
	if cap(w.accounts) > maxKeptAccounts {
		w.accounts = nil
	}
	if w.requests == nil {
		w.requests, w.accountAt = map[uint64]bool{}, map[string]int{}
	}
	clear(w.requests)
	clear(w.accountAt)
}

// addAccount keeps a copy of the state of an account, instead of an earlier one.
func (w *writer) addAccount(a *ledger.AccountState) {
	at, ok := w.accountAt[a.Name]
	if !ok {
		at = len(w.accounts)
		w.accountAt[a.Name] = at
		w.accounts = slices.Grow(w.accounts, 1)[:at+1] // with the memory of an earlier one
	}
	s := &w.accounts[at]
	s.Name = a.Name
	s.Escrow, s.Paid, s.Last = append(s.Escrow[:0], a.Escrow...), append(s.Paid[:0], a.Paid...), append(s.Last[:0], a.Last...)
}

// set adds a key and its value. Their memory is used again for the next.
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
	w.addRequests(j, b)
	w.touches = appendTouches(w.touches[:0], b.Batch)
	w.addMentions(b.Batch)
	return nil
}

func (w *writer) addRequests(j *Journal, b *ledger.StoredBatch) {
	for i := range b.Batch.Entries {
		e := &b.Batch.Entries[i]
		request := e.RequestKey()
		if request == "" {
			continue
		}
		key := appendRequestKey(w.key[:0], request)
		value := appendRequest(w.value[:0], ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}, b.Posted[i].Balance)
		hash, isNew := j.filter.AddNew(string(request))
		w.requests[hash] = true
		if isNew {
			w.set(key, value)
		} else {
			w.keep(key, value, w.out.Merge(key, value, nil))
		}
	}
}

// addMentions writes, for each account that w.touches names, which entries of
// the batch changed its balance.
func (w *writer) addMentions(b *ledger.Batch) {
	eachMention(w.touches, b, &w.indexes, func(account string, m mention) {
		w.set(appendStatementKey(w.key[:0], account, w.state.order), appendMention(w.value[:0], m))
	})
}

// addHeads keeps the heads, which must be where the batches end.
func (w *writer) addHeads(j *Journal, heads []ledger.BranchHead) error {
	for _, h := range heads {
		i, ok := slices.BinarySearch(j.branches, h.Branch)
		if !ok {
			return fmt.Errorf("head of branch %d, which this bank does not have", h.Branch)
		}
		if h.Sequence != w.ends[i] {
			return fmt.Errorf("head of branch %d is at sequence %d, its journal ends at %d", h.Branch, h.Sequence, w.ends[i])
		}
		if at := slices.IndexFunc(w.heads, func(o ledger.BranchHead) bool { return o.Branch == h.Branch }); at >= 0 {
			w.heads[at] = h
		} else {
			w.heads = append(w.heads, h)
		}
	}
	for i := range w.ends {
		if w.ends[i] != w.before[i] && !slices.ContainsFunc(heads, func(h ledger.BranchHead) bool { return h.Branch == j.branches[i] }) {
			return fmt.Errorf("commit has batches of branch %d, and not its head", j.branches[i])
		}
	}
	return nil
}
