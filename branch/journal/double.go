package journal

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

// addDouble writes a request id that several entries have, or forgets it.
func (w *writer) addDouble(d *ledger.Double) {
	key := appendDoubleKey(w.key[:0], d.Key())
	if d.Resolved {
		w.keep(key, w.value, w.out.Delete(key, nil))
		return
	}
	w.set(key, appendDouble(w.value[:0], d))
}

func appendDouble(out []byte, d *ledger.Double) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), d.More)
	out = binary.AppendUvarint(out, uint64(len(d.Entries)))
	for i := range d.Entries {
		e := &d.Entries[i]
		out = binary.AppendUvarint(out, uint64(e.At.Branch))
		out = binary.AppendUvarint(out, e.At.Sequence)
		out = binary.AppendUvarint(out, uint64(e.Kind))
		out = appendText(out, e.Account)
		out = appendText(out, e.ToAccount)
		out = binary.AppendUvarint(out, uint64(e.Amount))
		out = binary.AppendUvarint(out, uint64(e.Operations))
		out = binary.AppendVarint(out, e.CustomerID)
		out = binary.AppendVarint(out, e.RecordedAt)
	}
	return out
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

func decodeDouble(key, value []byte) (ledger.Double, error) {
	d := newDecoder(value)
	out := ledger.Double{More: d.uint()}
	out.Customer, out.RequestID = ledger.RequestKey(key[1:]).Split()
	for range d.count() {
		out.Entries = append(out.Entries, ledger.DoubleEntry{
			At: ledger.Position{Branch: d.branch(), Sequence: d.uint()}, Kind: ledger.Kind(d.uint()),
			Account: d.text(), ToAccount: d.text(), Amount: ledger.Amount(d.uint()), Operations: int(d.uint()),
			CustomerID: d.int(), RecordedAt: d.int(),
		})
	}
	return out, d.end(key)
}

func (d *decoder) text() string { return string(d.bytes(d.uint())) }

// eachDouble visits the request ids that several entries have, in their order;
// err says why one can't be read.
func (j *Journal) eachDouble(visit func(key []byte, d ledger.Double, err error) error) (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{doubleTable}, UpperBound: []byte{doubleTable + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := valueOf(iter)
		if err != nil {
			return err
		}
		d, err := decodeDouble(iter.Key(), value)
		if err := visit(iter.Key(), d, err); err != nil {
			return err
		}
	}
	return iter.Error()
}

// doubles reads all request ids that several entries have.
func (j *Journal) doubles() ([]ledger.Double, error) {
	var all []ledger.Double
	err := j.eachDouble(func(_ []byte, d ledger.Double, err error) error {
		all = append(all, d)
		return err
	})
	return all, err
}

// doubles checks that the stored alarms about request ids are possible. It can't tell
// whether one is missing: an operator may have resolved it.
func (v *verification) doubles() error {
	return v.j.eachDouble(func(key []byte, d ledger.Double, err error) error {
		switch {
		case err != nil:
			v.found(keyName(key), "%v", err)
		case d.RequestID != "" && len(d.Entries) < 2:
			v.found(keyName(key), "it names %d entries, and at least two must have the request id", len(d.Entries))
		}
		for i := range d.Entries {
			at := d.Entries[i].At
			if b, ok := v.ledger.Index(at.Branch); !ok || at.Sequence == 0 || at.Sequence > v.ledger.Head(b).Sequence {
				v.found(keyName(key), "it names %s, which does not exist", entryName(at))
			}
		}
		return nil
	})
}
