package branch

import (
	"passbook.example/passbook/branch/engine"
	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/service"
)

// openSignatures makes the branch sign what it writes, where branches do. The journal is
// open. A branch that has signed something which is recorded here has a certificate.
func (b *Branch) openSignatures(bank ledger.Bank) (err error) {
	if s := b.cfg.Signatures; s != nil {
		b.signatures, err = s.Branch(b.id, bank, b.journal)
	}
	if err != nil || b.signatures == nil || b.cfg.Security == nil || !b.cfg.Security.Plain {
		return err
	}
	return b.journal.EachCertificate(func(chain []byte) error {
		b.proven.Note(uint32(b.signatures.Signer(chain)))
		return nil
	})
}

// signer returns what signs commits; nil for nothing.
func (b *Branch) signer() engine.Signer {
	if b.signatures == nil {
		return nil
	}
	return b.signatures
}

// checker returns what checks the signatures of what comes; nil for nothing.
func (b *Branch) checker() link.Signatures {
	if b.signatures == nil {
		return nil
	}
	return b.signatures
}

// entrySignatures is checker, for entries that peers send alone.
func (b *Branch) entrySignatures() service.Signatures {
	if b.signatures == nil {
		return nil
	}
	return b.signatures
}

// storage returns the disk as the replica reads it.
func (b *Branch) storage() protocol.Storage {
	if b.signatures == nil {
		return unsigned{b.journal}
	}
	return b.journal
}

// unsigned is the journal of a branch that can't show certificates to others. So it gives
// out batches without the signatures that they may have from an earlier time.
type unsigned struct{ *journal.Journal }

// Batches implements protocol.Storage.
func (u unsigned) Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error) {
	batches, err := u.Journal.Batches(branch, after, maxBytes)
	for _, o := range batches {
		o.Signature = nil
	}
	return batches, err
}
