package journal_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// doubleOf returns what an operator is told about a request id that several entries
// have.
func doubleOf(id string, batches ...ledger.StoredBatch) ledger.Double {
	d := ledger.Double{Customer: batches[0].Batch.Entries[0].Customer, RequestID: id}
	for _, b := range batches {
		e := &b.Batch.Entries[0]
		d.Entries = append(d.Entries, ledger.NewDoubleEntry(ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}, e))
	}
	return d
}

// The alarm about a request id that two entries have is as durable as the commit that
// applies the second, until it is resolved.
func TestDoublesLastUntilTheyAreResolved(t *testing.T) {
	fs := vfs.NewCrashableMem()
	b := open(t, fs)
	bulk := ledger.Entry{Kind: ledger.Bulk, RequestID: "x", CustomerID: -4, RecordedAt: 17, Operations: &ledger.Operations{
		Accounts: []string{"a", "b"}, From: []uint32{0, 1}, To: []uint32{1, 2}, Amounts: []ledger.Amount{5, 2},
	}}
	first, second := b.post(1, withID("x", deposit("a", 100))), b.post(2, bulk)
	c := b.gather(first, second)
	x, more := doubleOf("x", first, second), ledger.Double{More: 7}
	ann := x
	ann.Customer = "ann" // it is kept beside that of nobody
	c.Doubles = []ledger.Double{x, {RequestID: "", More: 3}, ann, more}
	b.commit(c)
	third := b.post(3, withID("y", deposit("a", 1)))
	unsynced := b.gather(third)
	unsynced.Sync, unsynced.Doubles = false, []ledger.Double{doubleOf("y", third, third)}
	b.commit(unsynced)

	// A crash takes back the commit that is not synced, with its alarm.
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	b = open(t, fs)
	if diff := cmp.Diff([]ledger.Double{more, x, ann}, b.Doubles); diff != "" {
		t.Errorf("after a crash (-want +got):\n%s", diff)
	}
	resolved := b.gather()
	resolved.Doubles = []ledger.Double{{RequestID: "x", Resolved: true}, {Resolved: true}}
	b.commit(resolved)
	b = open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	if diff := cmp.Diff([]ledger.Double{ann}, b.Doubles); diff != "" {
		t.Errorf("after all but one were resolved (-want +got):\n%s", diff)
	}
}

// Verify reads the stored alarms, and finds those that are not possible.
func TestVerifyReadsDoubles(t *testing.T) {
	fs := vfs.NewMem()
	b := open(t, fs)
	first, second := b.post(1, withID("x", deposit("a", 1))), b.post(2, withID("y", deposit("a", 1)))
	c := b.gather(first, second)
	c.Doubles = []ledger.Double{doubleOf("x", first, second), {More: 2}}
	b.commit(c)
	b.close()
	if found, _, _ := verify(t, fs, dir); len(found) != 0 {
		t.Errorf("findings: %v", found)
	}
	b = open(t, fs)
	c = b.gather()
	gone := doubleOf("z", first, second)
	gone.Entries[1].At.Sequence = 9
	c.Doubles = []ledger.Double{gone, doubleOf("w", first)}
	b.commit(c)
	b.close()
	put(t, fs, "dv", []byte{1, 0, 1})
	put(t, fs, "d"+string(ledger.NewRequestKey("ann", "v")), []byte{1})
	want := []string{
		`data: alarm about request id "v": alarm about request id "v": the stored value is malformed`,
		`data: alarm about request id "w": it names 1 entries, and at least two must have the request id`,
		`data: alarm about request id "z": it names entry 9 of branch 2, which does not exist`,
		`data: alarm about request id "v" of customer "ann": alarm about request id "v" of customer "ann": the stored value is malformed`,
	}
	got, _, _ := verify(t, fs, dir)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if _, _, err := journal.Open(dir, bank, journal.Options{FS: fs}); err == nil {
		t.Error("a branch starts on a malformed alarm")
	}
}
