package journal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// Positions returns where the entries are that were first recorded under
// request ids, in the order of the ids; zero where there is none. Asking for
// many at once costs a part of what asking for each does.
func (j *Journal) Positions(ids []string) (at []ledger.Position, err error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	at = make([]ledger.Position, len(ids))
	order := j.filter.Unsure(nil, ids...)
	if len(order) == 0 {
		return at, nil
	}
	if err := j.catchUpOn(ids...); err != nil {
		return nil, err
	}
	// In the order of the keys, so that neighbours are found in one place.
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(ids[a], ids[b]) })
	err = j.eachRequest(func(find func(id string) (ledger.Position, ledger.Amount, error)) error {
		for _, i := range order {
			if at[i], _, err = find(ids[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return at, err
}

// eachRequest gives visit what finds an id in the index: the position is zero
// when it is not there, or not committed.
//
// While the journal has no filter of its own, most ids that are looked for are
// new. That is told by the filters of the tables, which a Get does without on
// the lowest level, where almost all of a long journal is.
func (j *Journal) eachRequest(visit func(find func(id string) (ledger.Position, ledger.Amount, error)) error) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{requestTable}, UpperBound: []byte{requestTable + 1}, UseL6Filters: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	var key []byte
	return visit(func(id string) (at ledger.Position, balance ledger.Amount, err error) {
		key = appendRequestKey(key[:0], id)
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

// named says which key an error is about.
func named(key []byte, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", keyName(key), err)
}
