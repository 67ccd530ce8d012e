package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

func appendForkKey(out []byte, k ledger.ForkKey) []byte {
	out = binary.BigEndian.AppendUint32(append(out, forkTable), uint32(k.Branch))
	out = binary.BigEndian.AppendUint64(out, k.First)
	return append(append(out, k.Hashes[0][:]...), k.Hashes[1][:]...)
}

// addFork writes a fork, or a decision about one.
func (w *writer) addFork(f *ledger.Fork) {
	w.set(appendForkKey(w.key[:0], f.Key()), appendFork(w.value[:0], f))
}

func appendFork(out []byte, f *ledger.Fork) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), uint64(f.ShownBy))
	out = append(out, f.Kept[:]...)
	out = binary.AppendVarint(out, f.Decision.At)
	out = appendText(appendText(out, f.Decision.By), f.Decision.Note)
	for _, side := range f.Sides {
		out = appendOutline(out, side)
	}
	return out
}

func appendOutline(out []byte, o *ledger.Outline) []byte {
	out = binary.AppendUvarint(out, boolToUint(o.Signature != nil))
	if o.Signature != nil {
		out = appendSignature(out, o.Signature)
	}
	out = append(out, o.Hash[:]...)
	return append(binary.AppendUvarint(out, uint64(len(o.Bytes))), o.Bytes...)
}

func decodeFork(key, value []byte) (ledger.Fork, error) {
	d := newDecoder(value)
	f := ledger.Fork{ShownBy: d.branch(), Kept: d.hash(), Decision: ledger.Decision{At: d.int(), By: d.text(), Note: d.text()}}
	for k := range f.Sides {
		side, err := d.outline()
		if err != nil {
			return f, fmt.Errorf("%s: %w", keyName(key), err)
		}
		f.Sides[k] = side
	}
	if err := d.end(key); err != nil {
		return f, err
	}
	if err := f.Check(); err != nil {
		return f, fmt.Errorf("%s: %w", keyName(key), err)
	}
	if string(appendForkKey(nil, f.Key())) != string(key) {
		return f, fmt.Errorf("%s: it is about entry %d of branch %d, or other batches", keyName(key), f.Key().First, f.Key().Branch)
	}
	return f, nil
}

// outline reads a batch that was stored beside the journals.
func (d *decoder) outline() (*ledger.Outline, error) {
	var signature []byte
	if d.uint() != 0 {
		signature = d.bytes(uint64(storedSignatureBytes))
	}
	hash := d.hash()
	bytes := append([]byte(nil), d.bytes(d.uint())...)
	if d.bad {
		return nil, errors.New("the stored value is malformed")
	}
	o, err := ledger.ReadOutline(bytes, hash)
	if err != nil {
		return nil, err
	}
	o.Signature = storedBatch{signature: signature}.signed()
	return o, nil
}

// forks reads all forks, in the order of their keys.
func (j *Journal) forks() ([]ledger.Fork, error) {
	var all []ledger.Fork
	err := j.each(forkTable, func(key, value []byte) error {
		f, err := decodeFork(key, value)
		all = append(all, f)
		return err
	})
	return all, err
}

// each visits the keys of a small table, in their order, until visit errs.
func (j *Journal) each(table byte, visit func(key, value []byte) error) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{table}, UpperBound: []byte{table + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := valueOf(iter)
		if err != nil {
			return err
		}
		if err := visit(iter.Key(), value); err != nil {
			return err
		}
	}
	return iter.Error()
}

// appendPendingKey names a batch of the branch's own journal that can't be posted, by its
// last entry.
func appendPendingKey(out []byte, last uint64) []byte {
	return binary.BigEndian.AppendUint64(append(out, pendingTable), last)
}

// waiting reads the batches that follow the end of the branch's own journal and can't be
// posted since a fork of another one was mended.
func (j *Journal) waiting(head uint64) ([]*ledger.Sealed, error) {
	var all []*ledger.Sealed
	err := j.each(pendingTable, func(key, value []byte) error {
		s, err := decodePending(key, value)
		if err == nil && s.Span.Last > head { // those up to it were posted since
			all = append(all, s)
		}
		return err
	})
	return all, err
}

func decodePending(key, value []byte) (*ledger.Sealed, error) {
	d := newDecoder(value)
	o, err := d.outline()
	if err == nil {
		err = d.end(key)
	}
	if err == nil && (len(key) != 9 || batchEnd(key) != o.Span.Last) {
		err = fmt.Errorf("it is the %s", batchName(o.Span.Branch, o.Span.Last))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName(key), err)
	}
	s, err := ledger.OpenSealed(o.Bytes, o.Hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName(key), err)
	}
	s.Signature = o.Signature
	return s, nil
}

// appendDroppedKey names a batch that was left out.
func appendDroppedKey(out []byte, o *ledger.Outline) []byte {
	out = binary.BigEndian.AppendUint32(append(out, droppedTable), uint32(o.Span.Branch))
	return append(binary.BigEndian.AppendUint64(out, o.Span.Last), o.Hash[:]...)
}

func decodeDropped(key, value []byte) (*ledger.Outline, error) {
	d := newDecoder(value)
	o, err := d.outline()
	if err == nil {
		err = d.end(key)
	}
	if err == nil && string(appendDroppedKey(nil, o)) != string(key) {
		err = fmt.Errorf("it is the %s", batchName(o.Span.Branch, o.Span.Last))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName(key), err)
	}
	return o, nil
}

// Dropped visits the batches of a journal that were left out because they don't count, and
// that begin at or after an entry, in the order of their last entries, until visit returns
// false.
func (j *Journal) Dropped(b ledger.BranchID, first uint64, visit func(*ledger.Sealed) bool) error {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	errEnough := errors.New("enough")
	err := j.each(droppedTable, func(key, value []byte) error {
		o, err := decodeDropped(key, value)
		if err != nil || o.Span.Branch != b || o.Span.First < first {
			return err
		}
		s, err := ledger.OpenSealed(o.Bytes, o.Hash)
		if err == nil && !visit(s) {
			err = errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// beside checks what is stored beside the journals: forks, pending batches, and those that
// were left out.
func (v *verification) beside() error {
	err := v.j.each(forkTable, func(key, value []byte) error {
		if _, err := decodeFork(key, value); err != nil {
			v.found(keyName(key), "%v", err)
		}
		return nil
	})
	err = errors.Join(err, v.j.each(droppedTable, func(key, value []byte) error {
		if _, err := decodeDropped(key, value); err != nil {
			v.found(keyName(key), "%v", err)
		}
		return nil
	}))
	return errors.Join(err, v.j.each(pendingTable, func(key, value []byte) error {
		if s, err := decodePending(key, value); err != nil {
			v.found(keyName(key), "%v", err)
		} else if s.Span.Branch != v.Identity.Branch {
			v.found(keyName(key), "it is of branch %d, and only the branch's own wait", s.Span.Branch)
		}
		return nil
	}))
}
