package journal

import (
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

func appendCertificate(out, chain []byte) []byte {
	return append(append(out, valueVersion), chain...)
}

// decodeCertificate returns the chain of a certificate, in the memory of the value.
func decodeCertificate(key, value []byte) ([]byte, error) {
	d := newDecoder(value)
	chain := d.bytes(uint64(len(d.in)))
	d.bad = d.bad || len(key) != 1+len(ledger.Fingerprint{})
	return chain, d.end(key)
}

// addCertificate writes a certificate, whether it is there already or not.
func (w *writer) addCertificate(c *ledger.Certificate) {
	w.set(appendCertificateKey(w.key[:0], c.Fingerprint), appendCertificate(w.value[:0], c.Chain))
}

// Certificate returns the chain of a certificate that a batch in the journal names; nil
// if there is none.
func (j *Journal) Certificate(f ledger.Fingerprint) ([]byte, error) {
	if err := j.enter(); err != nil {
		return nil, err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return nil, err
	}
	var chain []byte
	err := get(j, appendCertificateKey(nil, f), &chain, func(key, value []byte) ([]byte, error) {
		found, err := decodeCertificate(key, value)
		return slices.Clone(found), err
	})
	return chain, err
}

// EachCertificate calls visit with the chain of each certificate that batches in the journal
// name. The chain is good until visit returns. An error of visit ends it.
func (j *Journal) EachCertificate(visit func(chain []byte) error) (err error) {
	if err := j.enter(); err != nil {
		return err
	}
	defer j.leave()
	if err := j.writePending(); err != nil {
		return err
	}
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{certificateTable}, UpperBound: []byte{certificateTable + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := valueOf(iter)
		if err != nil {
			return err
		}
		chain, err := decodeCertificate(iter.Key(), value)
		if err == nil {
			err = visit(chain)
		}
		if err != nil {
			return err
		}
	}
	return iter.Error()
}

// certificates reports those that are malformed. Whether they vouch for anything is for
// an inspector.
func (v *verification) certificates() (err error) {
	iter, err := v.table(certificateTable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := iter.ValueAndErr()
		if err == nil {
			_, err = decodeCertificate(iter.Key(), value)
		}
		if err != nil {
			v.found(keyName(iter.Key()), "%v", err)
		}
	}
	return iter.Error()
}
