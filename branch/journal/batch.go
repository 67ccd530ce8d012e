package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// storedBatch is a batch value, split into its parts but not yet checked. Its slices
// share the memory of the value.
type storedBatch struct {
	hash ledger.Hash // what bytes must hash to
	// order counts the batches, of all journals, that this branch had applied with
	// this one.
	order  uint64
	posted []byte // the balances after its entries, as appendPosted writes them
	// signature is as appendSignature writes it; nil for a batch that is not signed.
	signature []byte
	bytes     []byte // as its writer encoded it
}

// signedVersion begins the value of a batch that is signed. What is in valueVersion comes
// after the signature.
const signedVersion = 2

// storedSignatureBytes is the size of a signature.
const storedSignatureBytes = len(ledger.Fingerprint{}) + ledger.SignatureBytes

func appendBatch(out, posted []byte, order uint64, b *ledger.StoredBatch) []byte {
	if b.Signature == nil {
		out = append(out, valueVersion)
	} else {
		out = appendSignature(append(out, signedVersion), b.Signature)
	}
	out = append(out, b.Hash[:]...)
	out = binary.AppendUvarint(out, order)
	out = binary.AppendUvarint(out, uint64(len(posted)))
	return append(append(out, posted...), b.Bytes...)
}

func appendSignature(out []byte, s *ledger.Signature) []byte {
	return append(append(out, s.Certificate[:]...), s.Value[:]...)
}

// appendPosted writes the balance after each entry, for a transfer also that of
// the account it paid into, and for a bulk that of each of its accounts.
func appendPosted(out []byte, b *ledger.StoredBatch) []byte {
	for i, p := range b.Posted {
		if b.Batch.Entries[i].Kind == ledger.Bulk {
			for _, balance := range p.Balances {
				out = binary.AppendUvarint(out, uint64(balance))
			}
			continue
		}
		out = binary.AppendUvarint(out, uint64(p.Balance))
		if b.Batch.Entries[i].Kind == ledger.Transfer {
			out = binary.AppendUvarint(out, uint64(p.ToBalance))
		}
	}
	return out
}

func decodeBatch(key, value []byte) (storedBatch, error) {
	d := newDecoder(value)
	var s storedBatch
	if len(value) > 0 && value[0] == signedVersion {
		d = &decoder{in: value[1:]}
		s.signature = d.bytes(uint64(storedSignatureBytes))
	}
	s.hash, s.order = d.hash(), d.uint()
	s.posted = d.bytes(d.uint())
	s.bytes, d.in = d.in, nil
	return s, d.end(key)
}

// open checks the batch against its hash and its key.
func (s storedBatch) open(key []byte) (*ledger.Sealed, error) {
	sealed, err := ledger.OpenSealed(s.bytes, s.hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName(key), err)
	}
	sealed.Signature = s.signed()
	return sealed, checkSpan(key, sealed.Span)
}

// outline is like open, for a batch that is only relayed.
func (s storedBatch) outline(key []byte) (*ledger.Outline, error) {
	outline, err := ledger.ReadOutline(s.bytes, s.hash)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName(key), err)
	}
	outline.Signature = s.signed()
	return outline, checkSpan(key, outline.Span)
}

// signed returns a copy of the signature, or nil.
func (s storedBatch) signed() *ledger.Signature {
	if s.signature == nil {
		return nil
	}
	out := &ledger.Signature{}
	copy(out.Value[:], s.signature[copy(out.Certificate[:], s.signature):])
	return out
}

// checkSpan reports a batch that is not the one that its key names.
func checkSpan(key []byte, s ledger.Span) error {
	if !bytes.Equal(key, appendBatchKey(make([]byte, 0, batchKeyBytes), s.Branch, s.Last)) {
		return fmt.Errorf("%s: the stored batch is the %s", keyName(key), batchName(s.Branch, s.Last))
	}
	return nil
}

// balances returns the balances to which posting the entries led.
func (s storedBatch) balances(key []byte, entries []ledger.Entry) ([]ledger.Posted, error) {
	d := &decoder{in: s.posted}
	posted := make([]ledger.Posted, len(entries))
	for i := range entries {
		if entries[i].Kind == ledger.Bulk {
			posted[i].Balances = make([]ledger.Amount, len(entries[i].Operations.Accounts))
			for k := range posted[i].Balances {
				posted[i].Balances[k] = ledger.Amount(d.uint())
			}
			continue
		}
		posted[i].Balance = ledger.Amount(d.uint())
		if entries[i].Kind == ledger.Transfer {
			posted[i].ToBalance = ledger.Amount(d.uint())
		}
	}
	return posted, d.end(key)
}
