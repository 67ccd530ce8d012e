package journal_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// dir is where the tests keep a journal in a file system in memory.
const dir = "data"

// bank is the identity that most tests use: the first of three branches.
var bank = journal.Identity{Branch: 1, Branches: []ledger.BranchID{1, 2, 3}, Opening: 300, Bank: ledger.Bank{Name: "rent", ID: ledger.BankID{0xab}, Founded: true}}

// branch is a journal, with the ledger whose commits it has.
type branch struct {
	*journal.Journal
	*journal.State
	t testing.TB
}

func open(t testing.TB, fs vfs.FS) *branch {
	t.Helper()
	return openWith(t, journal.Options{FS: fs})
}

func openWith(t testing.TB, opts journal.Options) *branch {
	t.Helper()
	j, s, err := journal.Open(dir, bank, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &branch{Journal: j, State: s, t: t}
}

// post seals entries as the next batch of a journal and posts it.
func (b *branch) post(writer ledger.BranchID, entries ...ledger.Entry) ledger.StoredBatch {
	b.t.Helper()
	i, _ := b.Ledger.Index(writer)
	head := b.Ledger.Head(i)
	batch := &ledger.Batch{Branch: writer, Epoch: b.Epoch, FirstSequence: head.Sequence + 1, Entries: entries, PrevHash: head.Hash}
	for k := range entries {
		entries[k].Sequence = batch.FirstSequence + uint64(k)
		entries[k].Clock = b.Ledger.Clock() + uint64(k) + 1
	}
	sealed := ledger.NewSealed(batch)
	posted, err := b.Ledger.PostBatch(sealed)
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.StoredBatch{Sealed: sealed, Posted: posted}
}

// gather makes a commit of batches that were posted.
func (b *branch) gather(batches ...ledger.StoredBatch) *ledger.Commit {
	c := &ledger.Commit{Batches: batches, Accounts: b.Ledger.TakeTouched(), Clock: b.Ledger.Clock(), Sync: true}
	for i, id := range b.Ledger.Branches() {
		if head := b.Ledger.Head(i); head.Sequence > 0 {
			c.Heads = append(c.Heads, ledger.BranchHead{Branch: id, Head: head})
		}
	}
	return c
}

// write posts and commits one batch.
func (b *branch) write(writer ledger.BranchID, entries ...ledger.Entry) {
	b.t.Helper()
	b.commit(b.gather(b.post(writer, entries...)))
}

// writeUnsynced is like write, without waiting for the disk.
func (b *branch) writeUnsynced(writer ledger.BranchID, entries ...ledger.Entry) {
	b.t.Helper()
	c := b.gather(b.post(writer, entries...))
	c.Sync = false
	b.commit(c)
}

func (b *branch) commit(c *ledger.Commit) {
	b.t.Helper()
	if err := b.Commit(c); err != nil {
		b.t.Fatal(err)
	}
}

func (b *branch) close() {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func deposit(account string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: amount}
}

func withdrawal(account string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: amount}
}

func transfer(from, to string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Kind: ledger.Transfer, Account: from, ToAccount: to, Amount: amount}
}

func grant(account string, to ledger.BranchID, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Kind: ledger.Grant, Account: account, ToBranch: to, Amount: amount}
}

func withID(id string, e ledger.Entry) ledger.Entry {
	e.RequestID = id
	return e
}

// of returns the entry as one that a customer has asked for.
func of(customer string, e ledger.Entry) ledger.Entry {
	e.Customer = customer
	return e
}

// editStore changes the store behind a closed journal.
func editStore(t testing.TB, fs vfs.FS, edit func(*pebble.DB)) {
	t.Helper()
	merger := &pebble.Merger{Name: "passbook.oldest", Merge: pebble.DefaultMerger.Merge}
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, Merger: merger, Logger: quiet{t}})
	if err != nil {
		t.Fatal(err)
	}
	edit(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, fs vfs.FS, key string, value []byte) {
	t.Helper()
	editStore(t, fs, func(db *pebble.DB) {
		if err := db.Set([]byte(key), value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
}

func remove(t testing.TB, fs vfs.FS, key []byte) {
	t.Helper()
	editStore(t, fs, func(db *pebble.DB) {
		if err := db.Delete(key, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	})
}

type quiet struct{ t testing.TB }

func (quiet) Infof(string, ...any)                {}
func (q quiet) Errorf(format string, args ...any) { q.t.Errorf(format, args...) }
func (q quiet) Fatalf(format string, args ...any) { q.t.Errorf(format, args...) }
