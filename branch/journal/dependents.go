package journal

import (
	"cmp"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// maxLooked bounds the batches that Dependents looks at.
const maxLooked = 1 << 16

// looked is what Dependents needs of a batch.
type looked struct {
	span  ledger.Span
	order uint64
	after []ledger.Position
}

// Dependents returns what of the other journals depends on entries of a branch's journal
// from one on. complete is false if there are too many batches since then to look at all:
// then those applied last are looked at.
func (j *Journal) Dependents(at ledger.Position) (deps []ledger.Dependent, complete bool, err error) {
	if err := j.enter(); err != nil {
		return nil, false, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, false, err
	}
	from, ok, err := j.orderOf(at)
	if err != nil || !ok {
		return nil, true, err
	}
	var all []looked
	complete = true
	for _, b := range j.branches {
		if b == at.Branch {
			continue
		}
		more, whole, err := j.since(b, from)
		if err != nil {
			return nil, false, err
		}
		all, complete = append(all, more...), complete && whole
	}
	slices.SortFunc(all, func(a, b looked) int { return cmp.Compare(a.order, b.order) })
	first := map[ledger.BranchID]uint64{at.Branch: at.Sequence}
	for k := range all {
		l := &all[k]
		if first[l.span.Branch] == 0 && slices.ContainsFunc(l.after, func(p ledger.Position) bool {
			return first[p.Branch] > 0 && p.Sequence >= first[p.Branch]
		}) {
			first[l.span.Branch] = l.span.First
		}
	}
	for _, b := range j.branches {
		if first[b] > 0 && b != at.Branch {
			deps = append(deps, ledger.Dependent{Branch: b, First: first[b], Last: j.visible.end(b)})
		}
	}
	return deps, complete, nil
}

// orderOf returns the order of the batch with an entry.
func (j *Journal) orderOf(at ledger.Position) (order uint64, ok bool, err error) {
	iter, err := j.batches(at.Branch, at.Sequence, j.visible.end(at.Branch))
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.First() {
		return 0, false, iter.Error()
	}
	value, err := valueOf(iter)
	if err != nil {
		return 0, false, err
	}
	stored, err := decodeBatch(iter.Key(), value)
	return stored.order, err == nil, err
}

// since returns the batches of a journal that were applied after an order, the latest
// first; whole is false if there are more.
func (j *Journal) since(b ledger.BranchID, order uint64) (all []looked, whole bool, err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: appendBatchKey(nil, b, 0), UpperBound: append(appendBatchKey(nil, b, j.visible.end(b)), 0)})
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.Last(); ok; ok = iter.Prev() {
		stored, s, err := current(iter)
		switch {
		case err != nil:
			return nil, false, err
		case stored.order < order:
			return all, true, nil
		case len(all) >= maxLooked/max(1, len(j.branches)-1):
			return all, false, nil
		}
		all = append(all, looked{s.Span, stored.order, slices.Clone(s.Batch.After)})
	}
	return all, true, iter.Error()
}
