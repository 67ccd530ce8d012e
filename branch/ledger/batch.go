package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Hash is the SHA-256 of a batch's bytes.
type Hash [sha256.Size]byte

// Position is how far a journal goes: the sequence of its last entry.
type Position struct {
	Branch   BranchID // the journal's writer
	Sequence uint64   // from 1; 0 is before the first entry
}

// MarkedPosition is a position with the hash of the batch that ends there.
type MarkedPosition struct {
	Position
	Hash Hash // zero when no hash is given
}

// Batch is a group of entries that a branch commits together: the unit of fsync,
// hashing, propagation and causality.
type Batch struct {
	// Branch is the writer.
	Branch BranchID
	// Epoch is the writer's boot; it never decreases within a journal.
	Epoch uint64
	// FirstSequence is the sequence of the first entry.
	FirstSequence uint64
	// Entries are consecutive. Invariant: there is at least one.
	Entries []Entry
	// After are the positions of other journals that the writer had applied,
	// as far as they changed since its last batch: the batch may be applied
	// only where all of them are.
	After []Position
	// PrevHash is the hash of the writer's batch before this one; the bank's
	// genesis for the first.
	PrevHash Hash
}

// LastSequence returns the sequence of the last entry.
func (b *Batch) LastSequence() uint64 { return b.FirstSequence + uint64(len(b.Entries)) - 1 }

// Span says which entries a batch has.
type Span struct {
	// Branch is the writer.
	Branch BranchID
	// First and Last are the sequences of the first entry and of the last one.
	First, Last uint64
}

func (b *Batch) span() Span { return Span{b.Branch, b.FirstSequence, b.LastSequence()} }

// Outline is what must be known of a batch to store and relay it. Nothing is known
// of its entries.
type Outline struct {
	// Span says which entries the batch has.
	Span Span
	// Bytes are what its writer encoded it to: it is never encoded again.
	Bytes []byte
	// Hash is that of the bytes.
	Hash Hash
	// Signature says who has written the batch; nil where nobody signs. The owner of the
	// branch that writes it sets it before the batch is committed; then it never changes.
	Signature *Signature
}

// Sealed is a batch with the bytes its writer encoded it to.
type Sealed struct {
	Outline
	// Batch is what the bytes say.
	Batch *Batch
}

// Limits of one batch.
const (
	// MaxBatchEntries bounds the entries of a batch.
	MaxBatchEntries = 8192
	// MaxBatchBytes bounds the bytes of a batch. An entry with the longest
	// names takes less than 1 KiB.
	MaxBatchBytes = 8 << 20
)

// Errors of OpenSealed.
var (
	ErrBatchHash   = errors.New("the hash does not match the bytes of the batch")
	ErrBatchFormat = errors.New("the bytes are not a batch")
	ErrBatchSize   = fmt.Errorf("a batch has at most %d entries in %d bytes", MaxBatchEntries, MaxBatchBytes)
)

// whole is a sealed batch in one piece of memory.
type whole struct {
	Sealed
	batch Batch // what Sealed.Batch points to
}

// NewSealed encodes a batch and hashes it. It keeps a copy of the batch.
func NewSealed(b *Batch) *Sealed {
	w := &whole{batch: *b}
	w.Batch, w.Span, w.Bytes = &w.batch, b.span(), encodeBatch(b)
	w.Hash = sha256.Sum256(w.Bytes)
	return &w.Sealed
}

// OpenSealed decodes a batch that came from a peer or from disk, and checks
// all that can be checked without a ledger: its hash, that its sequences are
// consecutive, its clocks rise and its entries are well formed. It returns an
// error that wraps ErrBatchHash, ErrBatchFormat or ErrBatchSize. The result
// keeps the given bytes.
func OpenSealed(bytes []byte, hash Hash) (*Sealed, error) {
	if err := checkBytes(bytes, hash); err != nil {
		return nil, err
	}
	w := &whole{}
	if err := w.batch.decode(bytes); err != nil {
		return nil, err
	}
	if err := w.batch.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatchFormat, err)
	}
	w.Batch, w.Span, w.Bytes, w.Hash = &w.batch, w.batch.span(), bytes, hash
	return &w.Sealed, nil
}

// ReadOutline is OpenSealed for a batch that is only relayed. It checks the hash and
// reads the span, at a fifth of the cost; the receiver opens the batch.
func ReadOutline(bytes []byte, hash Hash) (*Outline, error) {
	if err := checkBytes(bytes, hash); err != nil {
		return nil, err
	}
	span, err := readSpan(string(bytes))
	if err != nil {
		return nil, err
	}
	return &Outline{Span: span, Bytes: bytes, Hash: hash}, nil
}

func checkBytes(bytes []byte, hash Hash) error {
	switch {
	case len(bytes) > MaxBatchBytes:
		return ErrBatchSize
	case sha256.Sum256(bytes) != hash:
		return ErrBatchHash
	}
	return nil
}

func (b *Batch) check() error {
	switch {
	case b.Branch == 0:
		return errors.New("it names no branch")
	case b.FirstSequence == 0:
		return errors.New("its first sequence is 0")
	case len(b.Entries) == 0:
		return errors.New("it has no entries")
	}
	if err := b.checkNumbers(); err != nil {
		return err
	}
	var clock uint64
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Sequence != b.FirstSequence+uint64(i) {
			return fmt.Errorf("entry %d has sequence %d where %d is next", i+1, e.Sequence, b.FirstSequence+uint64(i))
		}
		if e.Clock <= clock {
			return fmt.Errorf("entry %d has clock %d after %d", e.Sequence, e.Clock, clock)
		}
		if err := e.Check(); err != nil {
			return fmt.Errorf("entry %d: %w", e.Sequence, err)
		}
		clock = e.Clock
	}
	return nil
}
