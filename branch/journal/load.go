package journal

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// claim checks that the directory belongs to id. Into an empty one it writes id and
// the opening balance. The boot's sync comes after it.
func (j *Journal) claim(id Identity, fresh *ledger.Ledger) error {
	value, closer, err := j.db.Get(identityKey)
	if err == nil {
		defer closer.Close() //nolint:errcheck // it releases memory, and can't fail
		value, err = j.settle(id, value)
		if err != nil || value == nil {
			return err
		}
		return j.db.Set(identityKey, value, pebble.NoSync)
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	if _, err := j.disk.Stat(j.disk.PathJoin(j.disk.Dir, markFile)); err == nil {
		return j.damaged(keyName(identityKey), "it is missing, and was synced: the file %s says so", markFile)
	}
	empty, err := j.empty()
	if err != nil {
		return err
	}
	if !empty {
		return fmt.Errorf("%s holds a store that is no journal: use another --data directory", j.disk.Dir)
	}
	batch := j.db.NewBatch()
	if value, err = j.settle(id, nil); err != nil {
		return err
	}
	if err := batch.Set(identityKey, value, nil); err != nil {
		return err
	}
	for _, a := range opening(fresh) {
		if err := batch.Set(appendAccountKey(nil, a.Name), appendAccount(nil, &a), nil); err != nil {
			return err
		}
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	// The first log of a store does not say yet how far it is synced; the flush
	// begins one that does.
	return j.db.Flush()
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

// load reads the state, and restores it into the ledger, which is new.
func (j *Journal) load(id Identity, l *ledger.Ledger) (*State, error) {
	if err := l.Found(j.id.genesis()); err != nil {
		return nil, err
	}
	heads, last, err := j.loadHeads(l)
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
	if j.state.order != last {
		return nil, fmt.Errorf("%s counts %d batches, the journals end with the batch of order %d", keyName(stateKey), j.state.order, last)
	}
	if err := l.Restore(heads, j.accounts(heads), j.state.clock); err != nil {
		return nil, err
	}
	j.visible.order.Store(j.state.order)
	if err := j.checkLeads(heads, j.state.clock); err != nil {
		return nil, err
	}
	own, _ := l.Index(id.Branch)
	if err := checkBoot(max(epoch, heads[own].Epoch), heads[own].Epoch); err != nil {
		return nil, j.damaged(keyName(epochKey), "%v", err)
	}
	doubles, err := j.doubles()
	if err != nil {
		return nil, err
	}
	forks, err := j.forks()
	if err != nil {
		return nil, err
	}
	pending, err := j.waiting(heads[own].Sequence)
	if err != nil {
		return nil, err
	}
	return &State{Doubles: doubles, Forks: forks, Pending: pending, Ledger: l, Epoch: max(epoch, heads[own].Epoch) + 1, Settled: j.state.settled, Bank: j.id.Bank}, nil
}

// get decodes the value of a key into to, which it leaves alone when there is none.
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

// checkLasts reports an account that was changed by an entry that the journal does
// not have.
func (j *Journal) checkLasts(a *ledger.AccountState, heads []ledger.Head) error {
	for i, last := range a.Last {
		if last > heads[i].Sequence {
			return fmt.Errorf("account %q was changed by entry %d of branch %d, whose journal ends at %d", a.Name, last, j.branches[i], heads[i].Sequence)
		}
	}
	return nil
}

// loadHeads reads the heads in the order of the ledger's branches, and compares each
// with the end of its journal. It also returns the order of the last batch of all.
func (j *Journal) loadHeads(l *ledger.Ledger) (heads []ledger.Head, last uint64, err error) {
	heads = make([]ledger.Head, len(l.Branches()))
	for i, b := range l.Branches() {
		if err := get(j, appendHeadKey(nil, b), &heads[i], decodeHead); err != nil {
			return nil, 0, err
		}
		order, err := j.checkEnd(b, heads[i])
		if err != nil {
			return nil, 0, err
		}
		last = max(last, order)
		j.visible.heads[i].Store(heads[i].Sequence)
	}
	return heads, last, nil
}

// checkEnd returns an error unless a journal ends with the batch that its head names,
// and otherwise the order of that batch.
func (j *Journal) checkEnd(b ledger.BranchID, h ledger.Head) (order uint64, err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: appendBatchKey(nil, b, 0), UpperBound: appendBatchKey(nil, b, 1<<64-1)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.Last() {
		if err := iter.Error(); err != nil || h.Sequence == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("%s is missing: the head of branch %d names it", batchName(b, h.Sequence), b)
	}
	switch stored, s, err := current(iter); {
	case err != nil:
		return 0, err
	case s.Batch.LastSequence() != h.Sequence:
		return 0, fmt.Errorf("head of branch %d is at sequence %d, its journal ends at %d", b, h.Sequence, s.Batch.LastSequence())
	case s.Hash != h.Hash:
		return 0, fmt.Errorf("%s does not have the hash of the head of branch %d", batchName(b, h.Sequence), b)
	default:
		return stored.order, nil
	}
}

// accounts reads the accounts, of which there may be millions. It reads one after the
// other into the same memory, and compares each with the heads.
func (j *Journal) accounts(heads []ledger.Head) iter.Seq2[*ledger.AccountState, error] {
	return func(yield func(*ledger.AccountState, error) bool) {
		if err := j.eachAccount(heads, func(a *ledger.AccountState) bool { return yield(a, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// eachAccount visits the accounts until visit returns false, after which it
// returns no error.
func (j *Journal) eachAccount(heads []ledger.Head, visit func(*ledger.AccountState) bool) (err error) {
	i, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{accountTable}, UpperBound: []byte{accountTable + 1}})
	if err != nil {
		return err
	}
	more := true
	defer func() {
		if cerr := i.Close(); more {
			err = errors.Join(err, cerr)
		}
	}()
	a := newAccountState(len(heads))
	for i.First(); i.Valid(); i.Next() {
		if err := decodeAccount(i.Key(), i.Value(), &a); err != nil {
			return err
		}
		if err := j.checkLasts(&a, heads); err != nil {
			return err
		}
		if more = visit(&a); !more {
			return nil
		}
	}
	return i.Error()
}
