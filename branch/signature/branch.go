package signature

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Store is the disk of a branch: what it has committed.
type Store interface {
	// Certificate returns the chain of a certificate that a batch in the journal names;
	// nil if there is none.
	Certificate(f ledger.Fingerprint) ([]byte, error)
	// HashAt returns the hash of the batch of a branch that ends at sequence.
	HashAt(branch ledger.BranchID, sequence uint64) (ledger.Hash, bool, error)
}

// maxStored bounds the certificates that a branch remembers to be on its disk.
const maxStored = 1024

// Branch signs for one branch, and checks what comes to it. Any goroutine may use it,
// but for Sign.
type Branch struct {
	process *Signatures
	id      ledger.BranchID
	store   Store
	// bank is the bank's id, once it is founded; nil until then.
	bank atomic.Pointer[ledger.BankID]
	// own is the certificate with which the branch signs.
	own atomic.Pointer[own]

	mu sync.Mutex
	// stored are certificates that are on disk. missing are those that a good signature
	// names and that may not be there yet: at most maxKnown of each branch, which
	// counts has.
	stored  map[ledger.Fingerprint]bool
	missing map[ledger.Fingerprint]*signer
	counts  map[ledger.BranchID]int
}

// own is a certificate with its key.
type own struct {
	*signer
	fingerprint ledger.Fingerprint
	private     crypto.Signer
	// first is the certificate in DER, by which another one is recognised.
	first []byte
}

// Branch returns what signs for one branch of a bank, whose id is zero until it is
// founded. It returns an error if there is no certificate with which the branch could
// sign.
func (p *Signatures) Branch(id ledger.BranchID, bank ledger.Bank, s Store) (*Branch, error) {
	b := &Branch{process: p, id: id, store: s, stored: map[ledger.Fingerprint]bool{}, missing: map[ledger.Fingerprint]*signer{}, counts: map[ledger.BranchID]int{}}
	b.noteBank(&bank)
	_, err := b.current()
	return b, err
}

// Signer returns the branch for which a chain of certificates signs; 0 if the authority does
// not vouch for it, as for one whose CA was dropped.
func (b *Branch) Signer(chain []byte) ledger.BranchID {
	if _, s, err := b.process.known.learn(bytes.Clone(chain)); err == nil {
		return s.branch
	}
	return 0
}

func (b *Branch) noteBank(bank *ledger.Bank) {
	if bank.Founded {
		id := bank.ID
		b.bank.Store(&id)
	}
}

// Required reports whether batches must be signed.
func (b *Branch) Required() bool { return b.process.Required() }

// Current returns the certificate with which the branch signs; zero if it has none.
func (b *Branch) Current() ledger.Fingerprint {
	o, err := b.current()
	if err != nil {
		return ledger.Fingerprint{}
	}
	return o.fingerprint
}

// current returns the certificate with which the branch signs now. It is the one before
// as long as the authority has no other one that is good.
func (b *Branch) current() (*own, error) {
	before := b.own.Load()
	next, err := b.process.authority.Signing(uint32(b.id))
	if err == nil && before != nil && len(next.Certificate) > 0 && bytes.Equal(next.Certificate[0], before.first) {
		return before, nil
	}
	if err == nil {
		var o *own
		if o, err = b.take(next.Certificate, next.PrivateKey); err == nil {
			b.own.Store(o)
			return o, nil
		}
	}
	if before != nil {
		return before, nil
	}
	return nil, fmt.Errorf("branch %d has no certificate to sign with: %w", b.id, err)
}

// take returns a certificate, if it is one of this branch.
func (b *Branch) take(certificates [][]byte, key crypto.PrivateKey) (*own, error) {
	chain, err := join(certificates)
	if err != nil {
		return nil, err
	}
	f, s, err := b.process.known.learn(chain)
	if err != nil {
		return nil, err
	}
	private, ok := key.(crypto.Signer)
	if !ok || !s.key.Equal(private.Public()) {
		return nil, fmt.Errorf("certificate %.8s… is not that of its key", f)
	}
	if s.branch != b.id {
		return nil, fmt.Errorf("certificate %.8s… is one of branch %d", f, s.branch)
	}
	return &own{signer: s, fingerprint: f, private: private, first: certificates[0]}, nil
}

// Sign signs the batches in a commit that this branch has made, and adds the
// certificates that batches name and that may not be on disk. An error means that one of
// the batches is not signed: it must not leave the branch.
func (b *Branch) Sign(c *ledger.Commit) error {
	if c.Bank != nil {
		b.noteBank(c.Bank)
	}
	for i := range c.Batches {
		s := &c.Batches[i]
		if s.Made {
			if err := b.sign(&s.Outline); err != nil {
				return err
			}
		}
		if s.Signature != nil {
			if err := b.addCertificate(c, s.Signature.Certificate); err != nil {
				return err
			}
		}
	}
	for i := range c.Forks {
		for _, side := range c.Forks[i].Sides {
			if side.Signature == nil {
				continue
			}
			if err := b.addCertificate(c, side.Signature.Certificate); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxBesideEntries bounds the batches that are signed while the journal writes them. They
// are written again with their signatures, which costs more than it gains where many
// callers share a batch.
const maxBesideEntries = 2

// SignBeside returns a function that signs the one batch of a commit, a small one; nil if
// the commit has others, or its certificate may not be on disk.
func (b *Branch) SignBeside(c *ledger.Commit) func() (*ledger.Signature, error) {
	if c.Bank != nil || len(c.Forks) > 0 || len(c.Batches) != 1 || !c.Batches[0].Made || len(c.Batches[0].Batch.Entries) > maxBesideEntries {
		return nil
	}
	with, err := b.current()
	if err != nil {
		return nil
	}
	b.mu.Lock()
	stored := b.stored[with.fingerprint]
	b.mu.Unlock()
	if !stored {
		return nil
	}
	o := &c.Batches[0].Outline
	return func() (*ledger.Signature, error) { return b.signWith(with, o) }
}

// SignAgain signs a batch of this branch that is on disk without a signature: the branch
// stopped between. It adds the certificate to a commit if it may not be on disk: the branch
// may have got another one since.
func (b *Branch) SignAgain(c *ledger.Commit, o *ledger.Outline) error {
	if err := b.sign(o); err != nil {
		return err
	}
	return b.addCertificate(c, o.Signature.Certificate)
}

// sign signs a batch of this branch.
func (b *Branch) sign(o *ledger.Outline) error {
	with, err := b.current()
	if err == nil {
		o.Signature, err = b.signWith(with, o)
	}
	return err
}

// signWith returns the signature of a batch with one of this branch's certificates.
func (b *Branch) signWith(with *own, o *ledger.Outline) (*ledger.Signature, error) {
	if from, revoked := b.process.authority.RevokedFrom(with.leaf); revoked && o.Span.Last >= from {
		return nil, fmt.Errorf("sign the batch that ends with entry %d: certificate %.8s… of this branch is revoked from entry %d on: nobody would take the batch; give the branch another certificate", o.Span.Last, with.fingerprint, from)
	}
	bank := b.bank.Load()
	if bank == nil {
		return nil, errors.New("the bank is not founded")
	}
	value, err := sign(with.private, *bank, o.Hash)
	if err != nil {
		return nil, fmt.Errorf("sign the batch that ends with entry %d: %w", o.Span.Last, err)
	}
	made := &ledger.Signature{Certificate: with.fingerprint, Value: value}
	b.process.verified.made(signed{digest(*bank, o.Hash), *made})
	return made, nil
}

// addCertificate adds a certificate to a commit that needs it.
func (b *Branch) addCertificate(c *ledger.Commit, f ledger.Fingerprint) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored[f] {
		return nil
	}
	s := b.missing[f]
	if o := b.own.Load(); s == nil && o != nil && o.fingerprint == f {
		s = o.signer
	}
	if s == nil {
		s = b.process.known.of(f)
	}
	if s == nil {
		chain, err := b.store.Certificate(f)
		if err != nil || chain == nil {
			return errors.Join(err, fmt.Errorf("certificate %.8s… is not known any more", f))
		}
		b.noteStored(f)
		return nil
	}
	c.Certificates = append(c.Certificates, ledger.Certificate{Fingerprint: f, Chain: s.chain})
	b.noteStored(f)
	return nil
}

// noteStored notes that a certificate is on disk. The caller holds mu.
func (b *Branch) noteStored(f ledger.Fingerprint) {
	if s := b.missing[f]; s != nil {
		delete(b.missing, f)
		b.counts[s.branch]--
	}
	if len(b.stored) >= maxStored {
		clear(b.stored)
	}
	b.stored[f] = true
}

// Learn takes chains of certificates that a peer has sent. It returns a
// [*protocol.SignatureError] for one that the authority does not vouch for.
func (b *Branch) Learn(chains [][]byte) error {
	for _, chain := range chains {
		if _, _, err := b.process.known.learn(bytes.Clone(chain)); err != nil {
			return &protocol.SignatureError{Problem: err.Error()}
		}
	}
	return nil
}

// Chain returns the chain of a certificate that batches of this branch's journals name,
// or with which it signs; nil if it is not known.
func (b *Branch) Chain(f ledger.Fingerprint) []byte {
	if s, err := b.signerOf(f); err == nil && s != nil {
		return s.chain
	}
	return nil
}

// signerOf returns a certificate; nil if neither the process nor the disk knows it.
func (b *Branch) signerOf(f ledger.Fingerprint) (*signer, error) {
	if s := b.process.known.of(f); s != nil {
		return s, nil
	}
	chain, err := b.store.Certificate(f)
	if err != nil || chain == nil {
		return nil, err
	}
	_, s, err := b.process.known.learn(chain)
	return s, err
}

// Check checks the signature of a batch that a peer has sent. It returns a
// [*protocol.SignatureError] if the batch has one that does not count.
//
// Until the branch knows which bank it belongs to, the id that the peer names counts, and
// nothing is refused: then false means that the batch can't be checked yet.
func (b *Branch) Check(o *ledger.Outline, said ledger.BankID) (ok bool, err error) {
	if o.Signature == nil {
		return true, nil // the replica knows whether it must have one
	}
	id := b.bank.Load()
	if id == nil {
		return b.check(o, said) == nil, nil
	}
	err = b.check(o, *id)
	return err == nil, err
}

func (b *Branch) check(o *ledger.Outline, bank ledger.BankID) error {
	f := o.Signature.Certificate
	s, err := b.signerOf(f)
	if err != nil {
		return refusedf(o, "%v", err)
	}
	if s == nil {
		return refusedf(o, "it is signed with certificate %.8s…, which nobody has shown", f)
	}
	if err := s.wrote(o, bank, b.process.authority, b.process.verified.isGood); err != nil {
		return b.unlessHere(o, err)
	}
	return b.keep(o, f, s)
}

// unlessHere returns the error, unless it is that of a revoked certificate and the batch
// is here: then it came before the revocation was known, and nobody lies who sends it.
func (b *Branch) unlessHere(o *ledger.Outline, err error) error {
	if revoked := (*revokedError)(nil); errors.As(err, &revoked) {
		hash, ok, readErr := b.store.HashAt(o.Span.Branch, o.Span.Last)
		if readErr == nil && ok && hash == o.Hash {
			return nil
		}
	}
	return refusedf(o, "%v", err)
}

// keep keeps a certificate until a commit has it.
func (b *Branch) keep(o *ledger.Outline, f ledger.Fingerprint, s *signer) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stored[f] || b.missing[f] != nil:
	case b.counts[s.branch] >= maxKnown:
		return refusedf(o, "%d certificates of its writer wait for their batches already", maxKnown)
	default:
		b.missing[f] = s
		b.counts[s.branch]++
	}
	return nil
}

// refusedf returns the error that refuses a batch.
func refusedf(o *ledger.Outline, format string, args ...any) error {
	return &protocol.SignatureError{Branch: o.Span.Branch, Sequence: o.Span.Last, Problem: fmt.Sprintf(format, args...)}
}
