package journal

import (
	"iter"
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

// certificates visits all certificates, each in memory that lasts until the next.
func (j *Journal) certificates() iter.Seq2[ledger.Certificate, error] {
	return func(yield func(ledger.Certificate, error) bool) {
		i, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{certificateTable}, UpperBound: []byte{certificateTable + 1}})
		if err != nil {
			yield(ledger.Certificate{}, err)
			return
		}
		defer i.Close() //nolint:errcheck // of what was read, Error tells
		for i.First(); i.Valid(); i.Next() {
			chain, err := decodeCertificate(i.Key(), i.Value())
			c := ledger.Certificate{Chain: chain}
			copy(c.Fingerprint[:], i.Key()[1:])
			if !yield(c, err) {
				return
			}
		}
		if err := i.Error(); err != nil {
			yield(ledger.Certificate{}, err)
		}
	}
}
