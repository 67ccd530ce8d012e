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
// open.
func (b *Branch) openSignatures(bank ledger.Bank) (err error) {
	if s := b.cfg.Signatures; s != nil {
		b.signatures, err = s.Branch(b.id, bank, b.journal)
	}
	if b.signatures == nil || err != nil {
		return err
	}
	tail, err := b.journal.UnsignedTail(b.id)
	if err != nil {
		return err
	}
	for _, o := range tail {
		c := ledger.Commit{Sync: true}
		if err := b.signatures.SignAgain(&c, o); err != nil {
			return err
		}
		if err := b.journal.Commit(&c); err != nil {
			return err
		}
		if err := b.journal.Sign(o); err != nil {
			return err
		}
	}
	return b.noteSigners()
}

// noteSigners notes who has a certificate, while others may have none: whoever has signed
// something that is recorded here.
func (b *Branch) noteSigners() error {
	if b.cfg.Security == nil || !b.cfg.Security.Plain {
		return nil
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

// unsign returns forks as the replica has them: without signatures if the branch can't show
// certificates.
func (b *Branch) unsign(forks []ledger.Fork) []ledger.Fork {
	if b.signatures != nil {
		return forks
	}
	for k := range forks {
		for _, side := range forks[k].Sides {
			side.Signature = nil
		}
	}
	return forks
}

// tellMended logs what was left out at the opening because it does not count.
func (b *Branch) tellMended(m *journal.Mended) {
	if m != nil {
		b.logger.Warn("by the decision about a fork, this branch has left out what does not count; passbook alarms resolve shows it, and what counts is fetched", "batches", m.Dropped, "entries", m.DroppedEntries, "batches that wait", m.Pending, "own", m.Own)
	}
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
