package simulation

import (
	"maps"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// keepFork keeps a fork, or a decision about one that is known.
func (m *image) keepFork(f ledger.Fork) {
	for k := range m.forks {
		if m.forks[k].Key() == f.Key() {
			m.forks = slices.Clone(m.forks) // a copy of the disk may have it, too
			m.forks[k] = f
			return
		}
	}
	m.forks = append(slices.Clip(m.forks), f)
	slices.SortFunc(m.forks, func(a, b ledger.Fork) int { return a.Key().Compare(b.Key()) })
}

// Pending returns the batches that follow the ends of journals and can't be posted yet.
func (d *Disk) Pending() []*ledger.Sealed {
	return slices.DeleteFunc(slices.Clone(d.pending), func(s *ledger.Sealed) bool {
		i, _ := slices.BinarySearch(d.branches, s.Span.Branch)
		return s.Span.Last <= d.image.heads[i].Sequence
	})
}

// Holds returns how far the disk has the i-th journal, with the batches that can't be
// posted yet.
func (d *Disk) Holds(i int) uint64 {
	end := d.image.heads[i].Sequence
	for _, s := range d.Pending() {
		if s.Span.Branch == d.branches[i] && s.Span.First == end+1 {
			end = s.Span.Last
		}
	}
	return end
}

// mend leaves out the batches that don't count any more, and what depends on them.
func (d *Disk) mend() error {
	dropped := ledger.DroppedBy(d.image.forks)
	if !slices.ContainsFunc(d.journals, func(j []*ledger.Sealed) bool {
		return slices.ContainsFunc(j, func(s *ledger.Sealed) bool { return dropped[s.Hash] })
	}) {
		return nil
	}
	fresh, err := ledger.New(d.branches, d.opening)
	if err == nil && d.image.bank.Founded {
		err = fresh.Found(d.image.bank.Genesis(d.branches, d.opening))
	}
	if err != nil {
		return err
	}
	m := ledger.NewMending(fresh, d.image.forks)
	pending := d.Pending()
	batches := d.applied
	d.journals, d.applied, d.requests = make([][]*ledger.Sealed, len(d.branches)), nil, map[ledger.RequestKey]ledger.Recorded{}
	post := func(s *ledger.Sealed, posted []ledger.Posted) error {
		d.add(s, posted)
		return nil
	}
	for _, s := range batches {
		if posted, ok := m.Post(s); ok {
			_ = post(s, posted)
		}
	}
	if err := m.Retry(post); err != nil {
		return err
	}
	m.Hold(pending...)
	for k := range d.image.forks {
		s, err := d.image.forks[k].Opened()
		if err != nil {
			return err
		}
		if s != nil {
			m.Hold(s)
		}
	}
	d.pending = m.Waiting()
	d.image.accounts, d.image.clock = map[string]ledger.AccountState{}, m.Ledger.Clock()
	for _, a := range m.Ledger.TakeTouched() {
		d.image.accounts[a.Name] = keepState(a)
	}
	for i := range d.branches {
		d.image.heads[i] = m.Ledger.Head(i)
	}
	d.forgetDoubles()
	return nil
}

// forgetDoubles forgets the entries that alarms name and that are gone.
func (d *Disk) forgetDoubles() {
	for _, key := range slices.Sorted(maps.Keys(d.image.doubles)) {
		double := d.image.doubles[key]
		double.Keep(func(at ledger.Position) bool {
			i, _ := slices.BinarySearch(d.branches, at.Branch)
			return at.Sequence <= d.image.heads[i].Sequence
		})
		if d.image.doubles[key] = double; double.Resolved {
			delete(d.image.doubles, key)
		}
	}
}
