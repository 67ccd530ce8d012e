package journal

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/idfilter"
	"passbook.example/passbook/branch/ledger"
)

// Positions returns the positions of the entries that were first recorded of requests,
// in the order of the keys; zero where there is none. Asking for many at once costs a
// fraction of asking for each. It returns nil when there is certainly none at all, as
// there mostly is.
func (j *Journal) Positions(keys []ledger.RequestKey) ([]ledger.Position, error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	order := idfilter.Unsure(&j.filter, nil, keys...)
	if len(order) == 0 {
		return nil, nil
	}
	return j.positions(keys, order)
}

// positions is Positions for those of the keys that order names: there is none for the
// others.
func (j *Journal) positions(keys []ledger.RequestKey, order []int) (at []ledger.Position, err error) {
	if err := j.catchUpOn(keys...); err != nil {
		return nil, err
	}
	at = make([]ledger.Position, len(keys))
	// In the order of the keys, so that neighbours are found in one place.
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	err = j.eachRequest(func(find func(request ledger.RequestKey) (ledger.Position, ledger.Amount, error)) error {
		for _, i := range order {
			if at[i], _, err = find(keys[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}

// eachRequest gives visit a function that finds a request in the index. The position is
// zero when it is not there, or not committed.
//
// While the journal has no filter of its own, most ids that are looked up are new.
// The filters of the tables tell that, but a Get does not use those of the lowest
// level, where almost all of a long journal is.
func (j *Journal) eachRequest(visit func(find func(request ledger.RequestKey) (ledger.Position, ledger.Amount, error)) error) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{requestTable}, UpperBound: []byte{requestTable + 1}, UseL6Filters: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	var key []byte
	return visit(func(request ledger.RequestKey) (at ledger.Position, balance ledger.Amount, err error) {
		key = appendRequestKey(key[:0], request)
		if !iter.SeekPrefixGE(key) {
			return at, 0, named(key, iter.Error())
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return at, 0, named(key, err)
		}
		at, balance, err = decodeRequest(key, value)
		if err != nil || at.Sequence > j.visible.end(at.Branch) {
			return ledger.Position{}, 0, err
		}
		return at, balance, nil
	})
}

// named adds to an error which key it is about.
func named(key []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", keyName(key), err)
}

// filterFile is where Close saves the filter of request ids, beside the store, so the
// next opening need not read millions of ids. The mark in the file is a hash of the
// journals' heads: a directory with those heads has exactly the ids that the filter
// was made of. If the file has another mark, nothing is lost: the ids are read, as
// they are after a crash.
const filterFile = "filter"

// fillFilter puts the request ids on disk into the filter. Opening must not wait
// for what may be millions: unless the filter was saved, they are read in the
// background, while others are committed and added.
func (j *Journal) fillFilter() {
	switch {
	case j.state.order == 0:
		j.filter.Finish()
	case j.loadFilter(&j.filter) == nil:
	case j.patient:
		j.filter.Fill(j.eachRequestID)
	default:
		j.filter.FillBeside(j.eachRequestID)
	}
}

// eachRequestID visits the request ids on disk until visit returns false.
func (j *Journal) eachRequestID(visit func(id []byte) bool) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{requestTable}, UpperBound: []byte{requestTable + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		if !visit(iter.Key()[1:]) {
			return nil
		}
	}
	return iter.Error()
}

// markOfHeads returns the mark for a filter of all ids that the directory has.
func (j *Journal) markOfHeads() (mark idfilter.Mark, err error) {
	h := sha256.New()
	for _, b := range j.branches {
		var head ledger.Head
		if err := get(j, appendHeadKey(nil, b), &head, decodeHead); err != nil {
			return mark, err
		}
		_ = binary.Write(h, binary.LittleEndian, []uint64{uint64(b), head.Sequence}) // it never fails
		_, _ = h.Write(head.Hash[:])
	}
	return idfilter.Mark(h.Sum(nil)), nil
}

// saveFilter writes the filter to its file. The store has all that was committed by
// now. A failure here costs the next opening some time, and nothing else.
func (j *Journal) saveFilter() {
	if !j.filter.Complete() || j.disk.Failure() != nil {
		return
	}
	mark, err := j.markOfHeads()
	if err != nil || j.filter.HasMark(mark) {
		return
	}
	file, err := j.disk.Make(j.disk.Path(filterFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return
	}
	if errors.Join(j.filter.Save(file, mark), file.Close()) != nil {
		_ = j.disk.FS.Remove(j.disk.Path(filterFile)) // so that a full disk gets the room back
	}
}

// loadFilter loads a filter from its file, if that has the same ids as the directory.
// Nothing may have been added to f yet.
func (j *Journal) loadFilter(f *idfilter.Filter) error {
	file, err := j.disk.Open(j.disk.Path(filterFile), vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	mark, err := j.markOfHeads()
	if err == nil {
		err = f.Load(file, mark)
	}
	return errors.Join(err, file.Close())
}

// filterWhole reports a saved filter that has the right length and the wrong
// checksum. The branch makes another, so nothing is lost, but a byte has changed. A
// crash leaves a shorter file.
func (v *verification) filterWhole() error {
	data, err := readFile(v.j.disk, v.j.disk.Path(filterFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && idfilter.Damaged(data) {
		v.found("file "+filterFile, "it does not have its checksum, so the branch makes it anew; the file can be removed")
	}
	return err
}
