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

// Pending returns the batches of a branch's own journal that are left but for those that
// follow one that does not count: they count as soon as they can be posted.
func (m *Mending) Pending(own BranchID) []*Sealed {
	i, ok := m.Ledger.Index(own)
	if !ok {
		return nil
	}
	before := m.Ledger.Head(i).Hash
	var pending []*Sealed
	for _, s := range m.left { // those of one journal are in its order
		if s.Batch.Branch == own && s.Batch.PrevHash == before && !m.dropped[s.Hash] {
			pending = append(pending, s)
			before = s.Hash
		}
	}
	return pending
}

// Left returns the batches that could not be posted, in their order.
func (m *Mending) Left() []*Sealed { return m.left }
