package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"passbook.example/passbook/branch/ledger"
)

// domain begins what is signed, so that a signature of a batch is never one of anything
// else for which the key of a certificate is used.
const domain = "passbook batch 1\n"

// Message returns what the writer of a batch signs: the text "passbook batch 1" and a
// line feed, the 16 bytes of the bank's id, and the 32 bytes of the batch's hash.
func Message(bank ledger.BankID, batch ledger.Hash) []byte {
	out := make([]byte, 0, len(domain)+len(bank)+len(batch))
	out = append(append(out, domain...), bank[:]...)
	return append(out, batch[:]...)
}

// digest returns the hash that ECDSA signs.
func digest(bank ledger.BankID, batch ledger.Hash) [sha256.Size]byte {
	return sha256.Sum256(Message(bank, batch))
}

// ErrKey refuses a key.
var ErrKey = errors.New("the key of a branch's certificate must be an ECDSA key on P-256")

// keyOf returns a key that can check signatures of batches.
func keyOf(public crypto.PublicKey) (*ecdsa.PublicKey, error) {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	return key, nil
}

// halfOrder is half of the order of P-256. Of the two values of s that fit, the one that
// is not larger counts: otherwise anybody could make another signature of one that he has
// seen.
var halfOrder = new(big.Int).Rsh(elliptic.P256().Params().N, 1)

// parts are r and s, as they are encoded.
type parts struct{ R, S *big.Int }

// sign signs a batch.
func sign(key crypto.Signer, bank ledger.BankID, batch ledger.Hash) (value [ledger.SignatureBytes]byte, err error) {
	sum := digest(bank, batch)
	der, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return value, err
	}
	var p parts
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 || p.R.Sign() <= 0 || p.S.Sign() <= 0 {
		return value, fmt.Errorf("the key gives no ECDSA signature: %x", der)
	}
	if p.S.Cmp(halfOrder) > 0 {
		p.S.Sub(elliptic.P256().Params().N, p.S)
	}
	if max(p.R.BitLen(), p.S.BitLen()) > 4*ledger.SignatureBytes {
		return value, ErrKey
	}
	p.R.FillBytes(value[:ledger.SignatureBytes/2])
	p.S.FillBytes(value[ledger.SignatureBytes/2:])
	return value, nil
}

// partsOf returns r and s.
func partsOf(value *[ledger.SignatureBytes]byte) parts {
	half := ledger.SignatureBytes / 2
	return parts{new(big.Int).SetBytes(value[:half]), new(big.Int).SetBytes(value[half:])}
}

// signed is a signature, and what it is of.
type signed struct {
	sum       [sha256.Size]byte // as digest returns it
	signature ledger.Signature
}

// isOf reports whether a signature is that of a key.
func isOf(key *ecdsa.PublicKey, s signed) bool {
	p := partsOf(&s.signature.Value)
	return p.S.Cmp(halfOrder) <= 0 && ecdsa.Verify(key, s.sum[:], p.R, p.S)
}

// DER returns a signature as other programs expect it, such as openssl.
func DER(value [ledger.SignatureBytes]byte) []byte {
	out, err := asn1.Marshal(partsOf(&value))
	if err != nil {
		panic("two numbers can't be encoded: " + err.Error())
	}
	return out
}
