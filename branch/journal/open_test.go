package journal_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

func TestReopenedJournalHoldsWhatWasCommitted(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	if b.Settled || b.Ledger.Balance(ledger.SharedAccount) != 300 {
		t.Errorf("new journal: settled %v, balance %d", b.Settled, b.Ledger.Balance(ledger.SharedAccount))
	}
	first := b.post(1, deposit("a", 100), transfer("a", "b", 30), grant("b", 2, 10))
	second := b.post(2, withdrawal("b", 10), deposit("a", 5))
	c := b.gather(first, second)
	c.Settled = true
	b.commit(c)
	b.close()

	got := open(t, fs)
	if !got.Settled {
		t.Error("settled was forgotten")
	}
	if diff := cmp.Diff(stateOf(b.Ledger), stateOf(got.Ledger)); diff != "" {
		t.Errorf("ledger (-committed +reopened):\n%s", diff)
	}
	for _, want := range []ledger.StoredBatch{first, second} {
		batches, err := got.Batches(want.Batch.Branch, 0, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]*ledger.Outline{&want.Outline}, batches); diff != "" {
			t.Errorf("batches of branch %d (-want +got):\n%s", want.Batch.Branch, diff)
		}
		hash, ok, err := got.HashAt(want.Batch.Branch, want.Batch.LastSequence())
		if hash != want.Hash || !ok || err != nil {
			t.Errorf("HashAt = %x, %v, %v", hash, ok, err)
		}
	}
	got.write(1, deposit("a", 1))
}

// stateOf returns all of a ledger that can be seen.
func stateOf(l *ledger.Ledger) any {
	type account struct {
		Balance ledger.Amount
		Escrow  []ledger.Amount
		Last    []uint64
	}
	accounts := map[string]account{}
	var heads []ledger.Head
	for i := range l.Branches() {
		heads = append(heads, l.Head(i))
	}
	for _, name := range l.Accounts() {
		a := account{Balance: l.Balance(name)}
		for i := range l.Branches() {
			a.Escrow, a.Last = append(a.Escrow, l.Escrow(name, i)), append(a.Last, l.Last(name, i))
		}
		accounts[name] = a
	}
	return map[string]any{"accounts": accounts, "heads": heads, "clock": l.Clock()}
}

func TestDirectoryOfAnotherIdentityIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	open(t, fs).close()
	other := func(change func(*journal.Identity)) journal.Identity {
		id := bank
		change(&id)
		return id
	}
	for _, tt := range []struct {
		name string
		id   journal.Identity
		ok   bool
	}{
		{"same", bank, true},
		{"same branches in another order", other(func(id *journal.Identity) { id.Branches = []ledger.BranchID{3, 1, 2} }), true},
		{"any id", other(func(id *journal.Identity) { id.Bank = ledger.Bank{Name: "rent"} }), true},
		{"other branch", other(func(id *journal.Identity) { id.Branch = 2 }), false},
		{"more branches", other(func(id *journal.Identity) { id.Branches = []ledger.BranchID{1, 2, 3, 4} }), false},
		{"fewer branches", other(func(id *journal.Identity) { id.Branches = []ledger.BranchID{1, 2} }), false},
		{"other opening balance", other(func(id *journal.Identity) { id.Opening = 301 }), false},
		{"other name", other(func(id *journal.Identity) { id.Bank.Name = "food" }), false},
		{"other id", other(func(id *journal.Identity) { id.Bank.ID = ledger.BankID{0xcd} }), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := contents(t, fs, dir)
			checked := journal.Check(dir, tt.id, fs)
			if after := contents(t, fs, dir); !maps.Equal(before, after) {
				t.Error("checking it has changed the directory")
			}
			j, _, err := journal.Open(dir, tt.id, journal.Options{FS: fs})
			if fmt.Sprint(checked) != fmt.Sprint(err) {
				t.Errorf("checked beforehand: %v, opened: %v", checked, err)
			}
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				j.Close()
				return
			}
			if after := contents(t, fs, dir); !maps.Equal(before, after) {
				t.Error("refusing it has changed the directory")
			}
			var refused *journal.IdentityError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want an IdentityError", err)
			}
			if diff := cmp.Diff(&journal.IdentityError{Dir: dir, Found: bank, Want: tt.id}, refused); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !strings.Contains(err.Error(), "use another --data directory") {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

// contents returns the files of a directory.
func contents(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(data)
		f.Close()
	}
	return all
}

// A directory without an id gets the one that is given, and keeps its own once its
// bank is founded.
func TestADirectoryTakesAnIDOnce(t *testing.T) {
	fs := vfs.NewMem()
	given := func(b ledger.Bank) journal.Identity {
		id := bank
		id.Bank = b
		return id
	}
	unfounded, founded := ledger.Bank{Name: "rent"}, bank.Bank
	accepted := ledger.Bank{Name: "rent", ID: ledger.BankID{1}}
	b := openAs(t, fs, dir, given(unfounded))
	if b.Bank != unfounded {
		t.Errorf("a new directory belongs to %v, want %v", b.Bank, unfounded)
	}
	for _, next := range []ledger.Bank{accepted, founded} {
		if err := b.Commit(&ledger.Commit{Bank: &next, Sync: true}); err != nil {
			t.Fatal(err)
		}
		// Neither the log nor, after it, a table loses it.
		for range 2 {
			b.close()
			if err := journal.Check(dir, given(unfounded), fs); err != nil {
				t.Fatal(err)
			}
			if b = openAs(t, fs, dir, given(unfounded)); b.Bank != next {
				t.Errorf("the directory belongs to %v, want %v", b.Bank, next)
			}
		}
	}
	b.close()
	fs = vfs.NewMem()
	openAs(t, fs, dir, given(accepted)).close()
	if b = openAs(t, fs, dir, given(unfounded)); b.Bank != (ledger.Bank{Name: "rent", ID: ledger.BankID{1}, Founded: true}) {
		t.Errorf("a new directory that was given an id belongs to %v", b.Bank)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	t.Run("other format", func(t *testing.T) {
		fs := vfs.NewMem()
		open(t, fs).close()
		put(t, fs, "midentity", []byte{1, 7, 1})
		_, _, err := journal.Open(dir, bank, journal.Options{FS: fs})
		var format *journal.FormatError
		if !errors.As(err, &format) || format.Found != 7 {
			t.Errorf("got %v, want a FormatError of format 7", err)
		}
	})
	t.Run("other store", func(t *testing.T) {
		fs := vfs.NewMem()
		put(t, fs, "k", []byte("v"))
		_, _, err := journal.Open(dir, bank, journal.Options{FS: fs})
		if err == nil || !strings.Contains(err.Error(), "no journal") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("identity that is none", func(t *testing.T) {
		for _, id := range []journal.Identity{{}, {Branch: 4, Branches: []ledger.BranchID{1, 2}}, {Branch: 1, Branches: []ledger.BranchID{1, 1}}} {
			fs := vfs.NewMem()
			if _, _, err := journal.Open(dir, id, journal.Options{FS: fs}); err == nil {
				t.Errorf("%v was opened", id)
			}
			if _, err := fs.Stat(dir); err == nil {
				t.Errorf("%v made a directory", id)
			}
		}
	})
}

func TestEpochGrowsAtEachOpen(t *testing.T) {
	fs := vfs.NewCrashableMem()
	for want := uint64(1); want <= 4; want++ {
		if got := open(t, fs).Epoch; got != want {
			t.Errorf("epoch %d, want %d", got, want)
		}
		// The epoch is synced: a crash does not give it out again.
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
	}
	b := open(t, fs)
	b.Epoch = 40 // as in a journal fetched back from the peers
	b.write(1, deposit("a", 1))
	b.close()
	if got := open(t, fs).Epoch; got != 41 {
		t.Errorf("epoch %d after own batch of epoch 40, want 41", got)
	}
}

func TestDirectoryIsHeldByOneProcess(t *testing.T) {
	for _, tt := range []struct {
		name, dir string
		fs        vfs.FS
	}{
		{"memory", dir, vfs.NewMem()},
		{"machine", t.TempDir(), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts := journal.Options{FS: tt.fs}
			first, _, err := journal.Open(tt.dir, bank, opts)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = journal.Open(tt.dir, bank, opts)
			if err == nil || !strings.Contains(err.Error(), "another process holds "+tt.dir) || strings.Contains(err.Error(), "temporarily") {
				t.Errorf("second open: %v", err)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
			again, _, err := journal.Open(tt.dir, bank, opts)
			if err != nil {
				t.Fatalf("open after close: %v", err)
			}
			again.Close()
		})
	}
}

func TestClosedJournalRefusesCalls(t *testing.T) {
	b := open(t, vfs.NewMem())
	b.close()
	b.close()
	_, _, request := b.Request("x")
	_, _, hash := b.HashAt(1, 1)
	_, batches := b.Batches(1, 0, 1)
	_, _, statement := b.Statement("a", journal.Page{})
	_, _, entries := b.Entries(1, journal.Page{})
	for _, err := range []error{b.Commit(&ledger.Commit{Sync: true}), request, hash, batches, statement, entries} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}
