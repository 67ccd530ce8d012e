package journal

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Sign adds the signature of a batch that is committed without one. It is written with the
// next commit that must be synced, before the next read, or after a moment.
func (j *Journal) Sign(o *ledger.Outline) error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.disk.Failure(); err != nil {
		return err
	}
	key := appendBatchKey(nil, o.Span.Branch, o.Span.Last)
	var value []byte
	err := get(j, key, &value, func(_, stored []byte) ([]byte, error) { return slices.Clone(stored), nil })
	if err != nil {
		return j.disk.Fail(err)
	}
	stored, err := decodeBatch(key, value)
	if err != nil || stored.hash != o.Hash || stored.signature != nil {
		return err
	}
	w := &j.writer
	if w.out == nil {
		w.begin(j)
	}
	w.set(key, append(appendSignature(append(w.value[:0], signedVersion), o.Signature), value[1:]...))
	if !j.pending.Swap(true) {
		j.writeSoon()
	}
	return nil
}

// maxUnsignedTail bounds what UnsignedTail looks at: a branch that crashes has let out one
// batch whose signature was not written yet.
const maxUnsignedTail = 8

// UnsignedTail returns the batches without a signature at the end of a branch's journal, the
// last first, if they follow one with a signature; otherwise none. Then the branch has
// stopped before their signatures were written.
func (j *Journal) UnsignedTail(b ledger.BranchID) (tail []*ledger.Outline, err error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, err
	}
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: appendBatchKey(nil, b, 0), UpperBound: append(appendBatchKey(nil, b, j.visible.end(b)), 0)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.Last(); ok && len(tail) < maxUnsignedTail; ok = iter.Prev() {
		_, s, err := current(iter)
		if err != nil {
			return nil, err
		}
		if s.Signature != nil {
			return tail, nil
		}
		o := s.Outline
		o.Bytes = slices.Clone(o.Bytes)
		tail = append(tail, &o)
	}
	return nil, iter.Error()
}
