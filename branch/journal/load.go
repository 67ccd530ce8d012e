package journal

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook/branch/ledger"
)

// claim checks that the directory belongs to id; to an empty one it writes id
// and the opening balance. The boot's sync comes after it.
func (j *Journal) claim(id Identity, fresh *ledger.Ledger) error {
	value, closer, err := j.db.Get(identityKey)
	if err == nil {
		defer closer.Close() //nolint:errcheck // it releases memory, and can't fail
		return id.check(j.disk.dir, value)
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	empty, err := j.empty()
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%s holds a store that is no journal: use another --data directory", j.disk.dir)
	}
	batch := j.db.NewBatch()
	if err := batch.Set(identityKey, id.append(nil), nil); err != nil {
		return err
	}
	for _, a := range opening(fresh) {
		if err := batch.Set(appendAccountKey(nil, a.Name), appendAccount(nil, &a), nil); err != nil {
			return err
		}
	}
	return batch.Commit(pebble.NoSync)
}

// opening returns the accounts of a ledger that has no entries.
func opening(fresh *ledger.Ledger) []ledger.AccountState {
	n := len(fresh.Branches())
	var accounts []ledger.AccountState
	for _, name := range fresh.Accounts() {
		a := ledger.AccountState{Name: name, Last: make([]uint64, n)}
		for i := range n {
			a.Escrow = append(a.Escrow, fresh.Escrow(name, i))
		}
		a.Paid = a.Escrow
		accounts = append(accounts, a)
	}
	return accounts
}

func (j *Journal) empty() (bool, error) {
	iter, err := j.db.NewIter(nil)
	if err != nil {
		return false, err
	}
	return !iter.First(), iter.Close()
}

// load reads the state, and sets the ledger, which is new, to it.
func (j *Journal) load(id Identity, l *ledger.Ledger) (*State, error) {
	heads, err := j.loadHeads(l)
	if err != nil {
		return nil, err
	}
	accounts, err := j.loadAccounts(len(heads))
	if err != nil {
		return nil, err
	}
	if err := get(j, stateKey, &j.state, decodeState); err != nil {
		return nil, err
	}
	var epoch uint64
	if err := get(j, epochKey, &epoch, decodeEpoch); err != nil {
		return nil, err
	}
	if err := l.Restore(heads, accounts, j.state.clock); err != nil {
		return nil, err
	}
	j.visible.order.Store(j.state.order)
	own, _ := l.Index(id.Branch)
	return &State{Ledger: l, Epoch: max(epoch, heads[own].Epoch) + 1, Settled: j.state.settled}, nil
}

// get decodes the value of a key into to, and leaves it alone when there is
// none.
func get[T any](j *Journal, key []byte, to *T, decode func(key, value []byte) (T, error)) error {
	value, closer, err := j.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", keyName(key), err)
	}
	v, err := decode(key, value)
	if err != nil {
		return errors.Join(err, closer.Close())
	}
	*to = v
	return closer.Close()
}

// loadHeads reads the heads by the order of the ledger's branches, and holds
// each against the end of its journal.
func (j *Journal) loadHeads(l *ledger.Ledger) ([]ledger.Head, error) {
	heads := make([]ledger.Head, len(l.Branches()))
	for i, b := range l.Branches() {
		if err := get(j, appendHeadKey(nil, b), &heads[i], decodeHead); err != nil {
			return nil, err
		}
		if err := j.checkEnd(b, heads[i]); err != nil {
			return nil, err
		}
		j.visible.heads[i].Store(heads[i].Sequence)
	}
	return heads, nil
}

// checkEnd reports whether a journal ends with the batch that its head names.
func (j *Journal) checkEnd(b ledger.BranchID, h ledger.Head) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: appendBatchKey(nil, b, 0), UpperBound: appendBatchKey(nil, b, 1<<64-1)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.Last() {
		if err := iter.Error(); err != nil || h.Sequence == 0 {
			return err
		}
		return fmt.Errorf("%s is missing: the head of branch %d names it", batchName(b, h.Sequence), b)
	}
	stored, err := decodeBatch(iter.Key(), iter.Value())
	if err != nil {
		return err
	}
	switch s, err := stored.open(iter.Key()); {
	case err != nil:
		return err
	case s.Batch.LastSequence() != h.Sequence:
		return fmt.Errorf("head of branch %d is at sequence %d, its journal ends at %d", b, h.Sequence, s.Batch.LastSequence())
	case s.Hash != h.Hash:
		return fmt.Errorf("%s does not have the hash of the head of branch %d", batchName(b, h.Sequence), b)
	}
	return nil
}

func (j *Journal) loadAccounts(branches int) (accounts []ledger.AccountState, err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{accountTable}, UpperBound: []byte{accountTable + 1}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		a, err := decodeAccount(iter.Key(), iter.Value(), branches)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
	}
	return accounts, iter.Error()
}
