package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// mending leaves out of a directory the batches that don't count, by an operator's decision
// about a fork, and all that can't be posted without them. From the first of those on, the
// batches are posted again, in the order in which they were applied, and what was derived
// from them is written anew. All of that is one atomic write. It takes memory for the
// batches that come after the first that does not count.
type mending struct {
	j     *Journal
	forks []ledger.Fork
	post  *ledger.Mending
	// cut is the order of the first batch that does not count; 0 before it is met.
	cut uint64
	// removed are the batches from there on, with their orders; added are those that are
	// posted again, in their new order.
	removed []removedBatch
	added   []ledger.StoredBatch
	// waiting are the batches that count and can't be posted yet; nil until that is known.
	waiting map[ledger.Hash]bool
}

type removedBatch struct {
	*ledger.Sealed
	order uint64
}

// mended mends the directory if that is called for, and loads the state again.
func (j *Journal) mended(id Identity, s *State) (*State, error) {
	changed, err := j.mend(id, s.Forks, s.Pending)
	if err != nil {
		return nil, fmt.Errorf("leave out what does not count since a fork was decided: %w", err)
	}
	if changed == nil {
		return s, nil
	}
	fresh, err := ledger.New(j.branches, id.Opening)
	if err != nil {
		return nil, err
	}
	again, err := j.load(id, fresh)
	if err == nil {
		again.Mended = changed
	}
	return again, err
}

// Mended says what was left out of a directory because it does not count.
type Mended struct {
	// Dropped are the batches that don't count, and the entries that these had.
	Dropped, DroppedEntries int
	// Pending are the batches that count and can't be posted yet, Own those of them that are
	// of the branch's own journal.
	Pending, Own int
}

// mend mends the directory if a batch in it does not count. Unless it returns nil, what was
// loaded before must be loaded again.
func (j *Journal) mend(id Identity, forks []ledger.Fork, pending []*ledger.Sealed) (*Mended, error) {
	if there, err := j.hasDropped(forks); err != nil || !there {
		return nil, err
	}
	fresh, err := ledger.New(j.branches, id.Opening)
	if err == nil {
		err = fresh.Found(j.id.genesis())
	}
	if err != nil {
		return nil, err
	}
	m := &mending{j: j, forks: forks, post: ledger.NewMending(fresh, forks)}
	err = j.inOrder(m.read, func(_ *cursor, err error) error { return err })
	if err == nil {
		err = m.post.Retry(func(s *ledger.Sealed, posted []ledger.Posted) error {
			m.add(s, posted)
			return nil
		})
	}
	if err == nil {
		m.post.Hold(pending...) // whoever posts them looks for request ids that count twice
		err = m.hold()
	}
	if err != nil {
		return nil, err
	}
	return m.told(id.Branch), m.write()
}

// hold adds what is kept beside the journals and may count now: the batches that count by a
// decision, and those that were left out before another one.
func (m *mending) hold() error {
	for k := range m.forks {
		s, err := m.forks[k].Opened()
		if err != nil {
			return err
		}
		if s != nil {
			m.post.Hold(s)
		}
	}
	return m.j.each(droppedTable, func(key, value []byte) error {
		o, err := decodeDropped(key, value)
		if err != nil {
			return err
		}
		s, err := ledger.OpenSealed(o.Bytes, o.Hash)
		if err == nil {
			s.Signature = o.Signature
			m.post.Hold(s)
		}
		return err
	})
}

// told says what is left out.
func (m *mending) told(own ledger.BranchID) *Mended {
	t := &Mended{}
	for _, s := range m.post.Waiting() {
		t.Pending++
		if s.Span.Branch == own {
			t.Own++
		}
	}
	for _, s := range m.post.Left() {
		if m.countsNot(s) {
			t.Dropped++
			t.DroppedEntries += len(s.Batch.Entries)
		}
	}
	return t
}

// hasDropped reports whether a batch that does not count is in its journal.
func (j *Journal) hasDropped(forks []ledger.Fork) (bool, error) {
	for k := range forks {
		d := forks[k].Dropped()
		if d == nil {
			continue
		}
		var stored storedBatch
		if err := get(j, appendBatchKey(nil, d.Span.Branch, d.Span.Last), &stored, decodeBatch); err != nil {
			return false, err
		}
		if stored.hash == d.Hash {
			return true, nil
		}
	}
	return false, nil
}

// read posts one batch again, and keeps it if it comes after the first that does not count.
func (m *mending) read(c *cursor) error {
	if m.cut == 0 && slices.ContainsFunc(m.forks, func(f ledger.Fork) bool { d := f.Dropped(); return d != nil && d.Hash == c.sealed.Hash }) {
		m.cut = c.stored.order
	}
	s := c.sealed
	if m.cut > 0 { // the cursor moves on, and takes its memory with it
		kept, err := ledger.OpenSealed(slices.Clone(s.Bytes), s.Hash)
		if err != nil {
			return err
		}
		kept.Signature = s.Signature
		s = kept
		m.removed = append(m.removed, removedBatch{s, c.stored.order})
	}
	posted, ok := m.post.Post(s)
	switch {
	case ok && m.cut > 0:
		m.add(s, posted)
	case !ok && m.cut == 0:
		return fmt.Errorf("%s can't be posted again", batchName(s.Batch.Branch, s.Batch.LastSequence()))
	default:
		m.post.Ledger.TakeTouched()
	}
	return nil
}

func (m *mending) add(s *ledger.Sealed, posted []ledger.Posted) {
	m.post.Ledger.TakeTouched()
	b := ledger.StoredBatch{Sealed: s}
	for _, p := range posted {
		p.Balances = slices.Clone(p.Balances)
		b.Posted = append(b.Posted, p)
	}
	m.added = append(m.added, b)
}

// write writes what has changed, in one atomic write.
func (m *mending) write() error {
	j := m.j
	w := &j.writer
	w.begin(j)
	if err := m.remove(w); err != nil {
		return err
	}
	w.state.order, w.state.clock = m.cut-1, m.post.Ledger.Clock()
	for i := range w.ends {
		w.ends[i] = m.endBefore(i)
	}
	for k := range m.added {
		if err := w.addBatch(j, &m.added[k]); err != nil {
			return err
		}
	}
	for i, b := range j.branches {
		if h := m.post.Ledger.Head(i); h.Sequence > 0 {
			w.heads = append(w.heads, ledger.BranchHead{Branch: b, Head: h})
		} else {
			w.keep(w.key, w.value, w.out.Delete(appendHeadKey(nil, b), nil))
		}
	}
	m.accounts(w)
	if err := m.doubles(w); err != nil {
		return err
	}
	w.keep(w.key, w.value, w.out.DeleteRange([]byte{pendingTable}, []byte{pendingTable + 1}, nil))
	for _, s := range m.post.Waiting() {
		w.keep(w.key, w.value, w.out.Delete(appendDroppedKey(nil, &s.Outline), nil))
		w.set(appendPendingKey(w.key[:0], s.Span.Branch, s.Span.Last), appendOutline(append(w.value[:0], valueVersion), &s.Outline))
	}
	for _, s := range m.post.Left() {
		if m.countsNot(s) {
			w.set(appendDroppedKey(w.key[:0], &s.Outline), appendOutline(append(w.value[:0], valueVersion), &s.Outline))
		}
	}
	// The mark is what there must be at least, so it is lowered first.
	j.state = w.state
	if err := j.mark(w.ends); err != nil {
		return err
	}
	return j.finish(pebble.Sync)
}

// countsNot reports whether a batch that is left is of a journal that has forked, from that
// place on, and does not wait to be posted.
func (m *mending) countsNot(s *ledger.Sealed) bool {
	if m.waiting == nil {
		m.waiting = map[ledger.Hash]bool{}
		for _, w := range m.post.Waiting() {
			m.waiting[w.Hash] = true
		}
	}
	return !m.waiting[s.Hash] && slices.ContainsFunc(m.forks, func(f ledger.Fork) bool {
		d := f.Dropped()
		return d != nil && d.Span.Branch == s.Span.Branch && d.Span.First <= s.Span.First && s.Hash != f.Kept
	})
}

// endBefore returns where the i-th journal ended before the first batch that is removed.
func (m *mending) endBefore(i int) uint64 {
	for _, r := range m.removed {
		if r.Span.Branch == m.j.branches[i] {
			return r.Span.First - 1
		}
	}
	return m.j.visible.end(m.j.branches[i])
}

// remove deletes the batches, and what finds their entries.
func (m *mending) remove(w *writer) error {
	for _, r := range m.removed {
		w.keep(w.key, w.value, w.out.Delete(appendBatchKey(nil, r.Span.Branch, r.Span.Last), nil))
		w.touches = appendTouches(w.touches[:0], r.Batch)
		eachMention(w.touches, r.Batch, &w.indexes, func(account string, _ mention) {
			w.keep(w.key, w.value, w.out.Delete(appendStatementKey(nil, account, r.order), nil))
		})
		for k := range r.Batch.Entries {
			if err := m.forget(w, r.Batch.Entries[k].RequestKey()); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget deletes a request, unless an entry that stays has it.
func (m *mending) forget(w *writer, request ledger.RequestKey) error {
	if request == "" {
		return nil
	}
	key := appendRequestKey(nil, request)
	var at ledger.Position
	err := get(m.j, key, &at, func(key, value []byte) (ledger.Position, error) {
		at, _, err := decodeRequest(key, value)
		return at, err
	})
	if err != nil {
		return err
	}
	i, ok := slices.BinarySearch(m.j.branches, at.Branch)
	if ok && at.Sequence > m.endBefore(i) {
		w.keep(w.key, w.value, w.out.Delete(key, nil))
	}
	return nil
}

// accounts writes the accounts that the removed or added batches have changed.
func (m *mending) accounts(w *writer) {
	names := map[string]bool{}
	note := func(s *ledger.Sealed) {
		for k := range s.Batch.Entries {
			s.Batch.Entries[k].EachAccount(func(name string) { names[name] = true })
		}
	}
	for _, r := range m.removed {
		note(r.Sealed)
	}
	for k := range m.added {
		note(m.added[k].Sealed)
	}
	l := m.post.Ledger
	there := map[string]bool{}
	for _, name := range l.Accounts() {
		there[name] = true
	}
	for name := range names {
		if !there[name] {
			w.keep(w.key, w.value, w.out.Delete(appendAccountKey(nil, name), nil))
			continue
		}
		a := newAccountState(len(m.j.branches))
		a.Name = name
		for i := range m.j.branches {
			a.Escrow[i], a.Paid[i], a.Last[i] = l.Escrow(name, i), l.Paid(name, i), l.Last(name, i)
		}
		w.addAccount(&a)
	}
}

// doubles forgets the entries that alarms name and that are gone.
func (m *mending) doubles(w *writer) error {
	doubles, err := m.j.doubles()
	for k := range doubles {
		d := &doubles[k]
		d.Keep(func(at ledger.Position) bool {
			i, ok := m.post.Ledger.Index(at.Branch)
			return ok && at.Sequence <= m.post.Ledger.Head(i).Sequence
		})
		w.addDouble(d)
	}
	return errors.Join(err, w.err)
}
