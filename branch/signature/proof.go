package signature

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// proofFormat names the form of a proof.
const proofFormat = "passbook entry 1"

// MaxProofBytes bounds the size of a proof in JSON: a batch, in base64, and what belongs
// to it.
const MaxProofBytes = 3*ledger.MaxBatchBytes + 1<<20

// Proof is one entry of a journal, with all that an auditor needs to check who has
// written it, who knows nothing but the certificate of the bank's CA. Only Batch, BankID,
// Signature and Certificates prove anything; the rest says in words what they do.
type Proof struct {
	// Format is proofFormat.
	Format string `json:"format"`
	// Bank and BankID are the name and the id of the bank. The name is in the
	// certificate, and the id in what is signed.
	Bank   string `json:"bank"`
	BankID string `json:"bankId"`
	// Branch is the writer, Sequence the place of the entry in its journal.
	Branch   uint32 `json:"branch"`
	Sequence uint64 `json:"sequence"`
	// Entry is the entry, as the API has it.
	Entry json.RawMessage `json:"entry"`
	// Batch is the batch that has the entry, as its writer encoded it: the message
	// bank.v1.Batch.
	Batch []byte `json:"batch"`
	// Hash is the SHA-256 of the batch, in hexadecimal.
	Hash string `json:"hash"`
	// Signed is what is signed: see Message.
	Signed []byte `json:"signed"`
	// Signature is the ECDSA signature in DER.
	Signature []byte `json:"signature"`
	// Certificates are in PEM: the one that has signed, and those between it and the CA.
	Certificates []string `json:"certificates"`
}

// ErrUnsigned says that nobody has signed a batch, so there is nothing to prove.
var ErrUnsigned = errors.New("the batch that has the entry is not signed: it was written before the branch had a certificate")

// NewProof returns the proof of an entry of a batch, whose certificate has a chain. It
// returns ErrUnsigned, or an error if the batch does not have the entry.
func NewProof(bank ledger.Bank, o *ledger.Outline, chain []byte, sequence uint64) (*Proof, error) {
	if o.Signature == nil {
		return nil, ErrUnsigned
	}
	entry, err := entryOf(o, sequence)
	if err != nil {
		return nil, err
	}
	certificates, err := split(chain)
	if err != nil {
		return nil, err
	}
	text, err := protojson.Marshal(entry)
	if err != nil {
		return nil, err
	}
	p := &Proof{
		Format: proofFormat, Bank: bank.Name, BankID: bank.ID.String(), Branch: uint32(o.Span.Branch), Sequence: sequence,
		Entry: text, Batch: o.Bytes, Hash: hex.EncodeToString(o.Hash[:]), Signed: Message(bank.ID, o.Hash), Signature: DER(o.Signature.Value),
	}
	for _, der := range certificates {
		p.Certificates = append(p.Certificates, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	return p, nil
}

// OutlineOf returns the batch that a branch has answered with. Whether it is signed by
// whom it says is for Check.
func OutlineOf(res *bankv1.GetBatchResponse) (*ledger.Outline, error) {
	hash, err := api.HashFromProto(res.GetBatch().GetHash())
	if err != nil {
		return nil, err
	}
	o, err := ledger.ReadOutline(res.GetBatch().GetBatch(), hash)
	if err != nil {
		return nil, err
	}
	o.Signature, err = api.SignatureFromProto(res.GetBatch().GetSignature(), res.GetBatch().GetCertificate())
	return o, err
}

// entryOf returns an entry of a batch.
func entryOf(o *ledger.Outline, sequence uint64) (*bankv1.Entry, error) {
	s, err := ledger.OpenSealed(o.Bytes, o.Hash)
	if err != nil {
		return nil, err
	}
	if sequence < s.Span.First || sequence > s.Span.Last {
		return nil, fmt.Errorf("the batch has entries %d to %d of branch %d, and not entry %d", s.Span.First, s.Span.Last, s.Span.Branch, sequence)
	}
	return api.EntryToProto(&s.Batch.Entries[sequence-s.Span.First]), nil
}

// ReadProof reads a proof. Whether it proves anything Check tells.
func ReadProof(data []byte) (*Proof, error) {
	if len(data) > MaxProofBytes {
		return nil, fmt.Errorf("a proof has at most %d bytes", MaxProofBytes)
	}
	p := &Proof{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("it is no proof of an entry: %w", err)
	}
	if d.More() {
		return nil, errors.New("something follows the proof")
	}
	if p.Format != proofFormat {
		return nil, fmt.Errorf("its format is %q, and this program reads %q", p.Format, proofFormat)
	}
	return p, nil
}

// Proven is what a proof proves.
type Proven struct {
	// Bank is the bank, Branch the writer.
	Bank   ledger.Bank
	Branch uint32
	// Entry is the entry that the branch has written.
	Entry *bankv1.Entry
	// Hash is that of its batch. Everything that the branch has written before follows
	// from it.
	Hash ledger.Hash
	// By is the certificate that has signed.
	By AuditedCertificate
}

// Check returns what the proof proves to somebody who believes a certifier. It returns an
// error if it proves nothing, or something else than it says.
func (p *Proof) Check(c Certifier) (*Proven, error) {
	id, err := ledger.ParseBankID(p.BankID)
	if err != nil {
		return nil, fmt.Errorf("bankId: %w", err)
	}
	o, err := p.outline()
	if err != nil {
		return nil, err
	}
	certificates, err := p.chain()
	if err != nil {
		return nil, err
	}
	chain, err := join(certificates)
	if err != nil {
		return nil, err
	}
	s, err := vouched(c, certificates, chain)
	if err != nil {
		return nil, err
	}
	if _, err := branchOf(s.leaf, p.Bank); err != nil {
		return nil, fmt.Errorf("bank: the certificate is not one of it: %w", err)
	}
	o.Signature.Certificate = FingerprintOf(certificates[0])
	if err := s.wrote(o, id, c, isOf); err != nil {
		return nil, err
	}
	entry, err := p.saidEntry(o)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p.Signed, Message(id, o.Hash)) {
		return nil, errors.New("signed: it is not what the bank's id and the batch's hash make")
	}
	by := AuditedCertificate{Fingerprint: o.Signature.Certificate, Until: s.leaf.NotAfter, Batches: 1, First: o.Span.First, Last: o.Span.Last}
	return &Proven{Bank: ledger.Bank{Name: p.Bank, ID: id, Founded: true}, Branch: uint32(o.Span.Branch), Entry: entry, Hash: o.Hash, By: by}, nil
}

// outline returns the batch and its signature.
func (p *Proof) outline() (*ledger.Outline, error) {
	text, err := hex.DecodeString(p.Hash)
	if err != nil || len(text) != len(ledger.Hash{}) {
		return nil, fmt.Errorf("hash: %q is no SHA-256", p.Hash)
	}
	o, err := ledger.ReadOutline(p.Batch, ledger.Hash(text))
	switch {
	case err != nil:
		return nil, fmt.Errorf("batch: %w", err)
	case uint32(o.Span.Branch) != p.Branch:
		return nil, fmt.Errorf("branch: the batch is one of branch %d, and not of branch %d", o.Span.Branch, p.Branch)
	}
	var v parts
	rest, err := asn1.Unmarshal(p.Signature, &v)
	if err != nil || len(rest) > 0 || !fits(v.R) || !fits(v.S) {
		return nil, errors.New("signature: it is no ECDSA signature in DER")
	}
	o.Signature = &ledger.Signature{}
	v.R.FillBytes(o.Signature.Value[:ledger.SignatureBytes/2])
	v.S.FillBytes(o.Signature.Value[ledger.SignatureBytes/2:])
	return o, nil
}

// fits reports whether a number is one of those in a signature.
func fits(n *big.Int) bool { return n.Sign() > 0 && n.BitLen() <= 4*ledger.SignatureBytes }

// chain returns the certificates in DER.
func (p *Proof) chain() (out [][]byte, err error) {
	for i, text := range p.Certificates {
		block, rest := pem.Decode([]byte(text))
		if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
			return nil, fmt.Errorf("certificates: number %d is no certificate in PEM", i+1)
		}
		out = append(out, block.Bytes)
	}
	if len(out) == 0 {
		return nil, errors.New("certificates: there is none")
	}
	return out, nil
}

// saidEntry returns the entry, if it is what the proof says.
func (p *Proof) saidEntry(o *ledger.Outline) (*bankv1.Entry, error) {
	entry, err := entryOf(o, p.Sequence)
	if err != nil {
		return nil, fmt.Errorf("sequence: %w", err)
	}
	said := &bankv1.Entry{}
	if err := protojson.Unmarshal(p.Entry, said); err != nil {
		return nil, fmt.Errorf("entry: %w", err)
	}
	if !proto.Equal(entry, said) {
		return nil, errors.New("entry: it is not the one that the batch has")
	}
	return entry, nil
}
