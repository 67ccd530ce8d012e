package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/journal/internal/idfilter"
	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// indexesComplete searches for keys that no entry accounts for.
func (v *verification) indexesComplete() error {
	if err := v.extra(requestTable, v.requests, &v.Requests, v.ofEntry); err != nil {
		return err
	}
	var mentions uint64
	if err := v.extra(statementTable, v.mentions, &mentions, v.ofBatch); err != nil {
		return err
	}
	if err := v.filterComplete(); err != nil {
		return err
	}
	return v.unknownKeys()
}

// filterComplete searches for request ids that the saved filter would call new, if it
// is the one that the next opening would use.
func (v *verification) filterComplete() (err error) {
	saved := idfilter.New()
	if v.j.loadFilter(&saved) != nil { // then it is made anew
		return v.filterWhole()
	}
	iter, err := v.table(requestTable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		if saved.Excludes(string(iter.Key()[1:])) {
			v.found("file "+filterFile, "it lacks %s; the file can be removed", keyName(iter.Key()))
			return nil
		}
	}
	return iter.Error()
}

// extra counts the keys of a table. If there are more than expected, it searches for
// those that belong to nothing.
func (v *verification) extra(table byte, want uint64, count *uint64, belongs func(key, value []byte) error) (err error) {
	iter, err := v.table(table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		*count++
	}
	if err := iter.Error(); err != nil || *count <= want {
		return err
	}
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := iter.ValueAndErr()
		if err == nil {
			err = belongs(iter.Key(), value)
		}
		if err != nil {
			v.found(keyName(iter.Key()), "%v", err)
		}
	}
	return iter.Error()
}

// ofEntry reports a request id that its entry does not have.
func (v *verification) ofEntry(key, value []byte) error {
	_, ok, err := v.j.Request(ledger.RequestKey(key[1:]))
	if at, _, malformed := decodeRequest(key, value); err == nil && malformed == nil && !ok {
		return fmt.Errorf("it names %s, which does not exist", entryName(at))
	}
	return err
}

// ofBatch reports a mention of a batch that does not name it.
func (v *verification) ofBatch(key, value []byte) error {
	m, err := decodeMention(key, value)
	if err != nil {
		return err
	}
	var stored storedBatch
	if err := get(v.j, appendBatchKey(nil, m.branch, m.last), &stored, decodeBatch); err != nil {
		return err
	}
	if stored.order == 0 || len(key) < 10 || stored.order != statementOrder(key) {
		return fmt.Errorf("no batch of that order changed the account")
	}
	return nil
}

// unknownKeys reports keys that belong to no table, or to a branch that the bank does
// not have.
func (v *verification) unknownKeys() (err error) {
	iter, err := v.j.db.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for ok := iter.First(); ok; {
		key := iter.Key()
		if after := v.after(key); after != nil {
			ok = iter.SeekGE(after)
			continue
		}
		v.found(keyName(key), "there is no such key in a journal")
		ok = iter.Next()
	}
	return iter.Error()
}

// after returns the end of the known keys around a key, or nil.
func (v *verification) after(key []byte) []byte {
	switch {
	case bytes.Equal(key, identityKey), bytes.Equal(key, epochKey), bytes.Equal(key, stateKey), bytes.Equal(key, homeKey):
		return append(slices.Clone(key), 0)
	case key[0] == accountTable, key[0] == requestTable, key[0] == statementTable, key[0] == doubleTable, key[0] == certificateTable, key[0] == forkTable, key[0] == pendingTable, key[0] == droppedTable:
		return []byte{key[0] + 1}
	}
	for _, b := range v.j.branches {
		if head := appendHeadKey(nil, b); bytes.Equal(key, head) {
			return append(head, 0)
		}
		if end := appendBatchKey(nil, b, 1<<64-1); len(key) == len(end) && bytes.Equal(key[:5], end[:5]) {
			return append(end, 0)
		}
	}
	return nil
}

func (v *verification) table(table byte) (*pebble.Iterator, error) {
	return v.j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{table}, UpperBound: []byte{table + 1}})
}

// tables reads every block of every table of the store, even those that adding up the
// entries does not need, such as filters, and compares each with its checksum.
func (v *verification) tables() error {
	damaged := false
	err := store.EachTable(v.j.db, func(name string) error {
		if err := store.CheckTable(v.j.disk.FS, v.j.disk.PathJoin(v.Dir, name), v.readers, true); err != nil {
			v.found("file "+name, "%v", err)
			damaged = true
		}
		return nil
	})
	if err == nil && damaged {
		err = errStop
	}
	return err
}
