package ledger

// Mending posts the batches of a disk again, in the order in which they were applied, but
// for those that don't count any more and all that can't be posted without them.
type Mending struct {
	// Ledger is the result.
	Ledger  *Ledger
	dropped map[Hash]bool // batches that don't count
	left    []*Sealed     // those that could not be posted, in their order
}

// NewMending begins with a ledger that has no entries. The forks say which batches don't
// count.
func NewMending(fresh *Ledger, forks []Fork) *Mending {
	return &Mending{Ledger: fresh, dropped: DroppedBy(forks)}
}

// DroppedBy returns the hashes of the batches that don't count.
func DroppedBy(forks []Fork) map[Hash]bool {
	dropped := map[Hash]bool{}
	for i := range forks {
		if d := forks[i].Dropped(); d != nil {
			dropped[d.Hash] = true
		}
	}
	return dropped
}

// Post posts a batch, and reports whether it could. What it returns lasts until the next
// call.
func (m *Mending) Post(s *Sealed) ([]Posted, bool) {
	if !m.dropped[s.Hash] {
		if posted, err := m.Ledger.PostNext(s); err == nil {
			return posted, true
		}
	}
	m.left = append(m.left, s)
	return nil, false
}

// Retry posts those of the batches that could not be posted that can be by now, until
// post, which is told of each, returns an error.
func (m *Mending) Retry(post func(s *Sealed, posted []Posted) error) error {
	for again := true; again; {
		again = false
		left := m.left
		m.left = nil
		for k, s := range left {
			posted, ok := m.Post(s)
			if !ok {
				continue
			}
			again = true
			if err := post(s, posted); err != nil {
				m.left = append(m.left, left[k+1:]...)
				return err
			}
		}
	}
	return nil
}

// Hold adds batches that are on the disk beside the journals. They are not posted: whoever
// posts them later finds out what else is to be done.
func (m *Mending) Hold(batches ...*Sealed) { m.left = append(m.left, batches...) }

// Waiting returns the batches that are left and count, those of one journal after the other,
// in their order: each follows the end of its journal, or one before it. They count as soon
// as they can be posted.
func (m *Mending) Waiting() []*Sealed {
	after := map[BranchID]map[Hash]*Sealed{}
	for _, s := range m.left {
		if m.dropped[s.Hash] {
			continue
		}
		if after[s.Span.Branch] == nil {
			after[s.Span.Branch] = map[Hash]*Sealed{}
		}
		after[s.Span.Branch][s.Batch.PrevHash] = s
	}
	var waiting []*Sealed
	for i, b := range m.Ledger.Branches() {
		for s := after[b][m.Ledger.Head(i).Hash]; s != nil; s = after[b][s.Hash] {
			waiting = append(waiting, s)
		}
	}
	return waiting
}

// Left returns the batches that could not be posted, in their order.
func (m *Mending) Left() []*Sealed { return m.left }
