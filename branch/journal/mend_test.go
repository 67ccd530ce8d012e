package journal_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// after seals entries like post, and names what they depend on.
func (b *branch) after(writer ledger.BranchID, after []ledger.Position, entries ...ledger.Entry) ledger.StoredBatch {
	b.t.Helper()
	s := b.sealed(writer, after, entries...)
	posted, err := b.Ledger.PostNext(s)
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.StoredBatch{Sealed: s, Posted: posted}
}

// sealed seals entries as the next batch of a journal, and posts nothing.
func (b *branch) sealed(writer ledger.BranchID, after []ledger.Position, entries ...ledger.Entry) *ledger.Sealed {
	i, _ := b.Ledger.Index(writer)
	head := b.Ledger.Head(i)
	batch := &ledger.Batch{Branch: writer, Epoch: b.Epoch, FirstSequence: head.Sequence + 1, Entries: entries, PrevHash: head.Hash, After: after}
	for k := range entries {
		entries[k].Sequence = batch.FirstSequence + uint64(k)
		entries[k].Clock = b.Ledger.Clock() + uint64(k) + 1
	}
	return ledger.NewSealed(batch)
}

// forked is the directory of branch 1, in which the journal of branch 2 has forked at its
// entry 2 and it is decided that another batch counts than the one here.
type forked struct {
	*branch
	fork ledger.Fork
	// own are the batches of branch 1 that come after the fork: the first can be posted
	// without it, the second spends what was granted in it.
	own []ledger.StoredBatch
}

// newForked makes such a directory: with request ids, and accounts, that only the fork has,
// and an alarm about two entries with one request id, of which one does not count.
func newForked(t *testing.T, opts journal.Options) *forked {
	f := &forked{branch: openWith(t, opts)}
	f.write(2, withID("before", deposit("a", 50)))
	other := f.sealed(2, nil, withID("other", deposit("other", 7)))
	here := f.post(2, withID("here", deposit("only here", 5)), grant("shared", 1, 60), withID("twice", deposit("a", 1)))
	f.commit(f.gather(here))
	f.write(2, withID("last", deposit("a", 2)))
	f.own = append(f.own, f.after(1, nil, withID("kept", withdrawal("shared", 10))))
	f.own = append(f.own, f.after(1, []ledger.Position{{Branch: 2, Sequence: 4}}, withID("pending", withdrawal("shared", 140)), withID("twice", deposit("b", 3))))
	third := f.after(3, []ledger.Position{{Branch: 1, Sequence: 2}}, withID("third", deposit("a", 9)))
	c := f.gather(f.own[0], f.own[1], third)
	c.Doubles = []ledger.Double{doubleOf("twice", here, f.own[1])}
	c.Doubles[0].Entries[0].At.Sequence, c.Doubles[0].Entries[1].At.Sequence = 4, 3
	f.commit(c)
	f.fork = ledger.Fork{
		Sides: [2]*ledger.Outline{&here.Outline, &other.Outline}, ShownBy: 3, Kept: other.Hash,
		Decision: ledger.Decision{By: "ann", At: 17, Note: "why not"},
	}
	decided := f.gather()
	decided.Forks = []ledger.Fork{f.fork}
	f.commit(decided)
	return f
}

// check checks a directory that is mended.
func (f *forked) check(t *testing.T, b *branch) {
	t.Helper()
	if diff := cmp.Diff([]ledger.Fork{f.fork}, b.Forks); diff != "" {
		t.Errorf("the fork (-want +got):\n%s", diff)
	}
	if len(b.Pending) != 1 || b.Pending[0].Hash != f.own[1].Hash {
		t.Errorf("pending is %v, want entries 2 and 3 of branch 1", b.Pending)
	}
	heads := []uint64{1, 1, 0}
	for i, want := range heads {
		if got := b.Ledger.Head(i).Sequence; got != want {
			t.Errorf("the journal of branch %d ends at %d, want %d", i+1, got, want)
		}
	}
	for account, want := range map[string]ledger.Amount{"shared": 290, "a": 50, "only here": 0, "b": 0, "other": 0} {
		if got := b.Ledger.Balance(account); got != want {
			t.Errorf("account %q has %d, want %d", account, got, want)
		}
	}
	for id, there := range map[string]bool{"before": true, "kept": true, "here": false, "last": false, "pending": false, "third": false, "twice": false} {
		if rec, ok, err := b.Request(ledger.NewRequestKey("", id)); err != nil || ok != there {
			t.Errorf("request %q: %v, %t, %v", id, rec, ok, err)
		}
	}
	if len(b.Doubles) != 0 {
		t.Errorf("the alarms are %v, and one of the two entries does not count", b.Doubles)
	}
	var dropped []uint64
	if err := b.Dropped(2, 2, func(s *ledger.Sealed) bool { dropped = append(dropped, s.Span.Last); return true }); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]uint64{4, 5}, dropped); diff != "" {
		t.Errorf("what was left out (-want +got):\n%s", diff)
	}
}

// What does not count is left out, with what depends on it, and nothing else. The branch's
// own batches wait, and count again once they can be posted.
func TestADirectoryIsMended(t *testing.T) {
	fs := vfs.NewMem()
	f := newForked(t, journal.Options{FS: fs})
	f.close()
	b := open(t, fs)
	want := &journal.Mended{Dropped: 2, DroppedEntries: 4, Pending: 1, Again: 1}
	if diff := cmp.Diff(want, b.Mended); diff != "" {
		t.Errorf("what was left out (-want +got):\n%s", diff)
	}
	f.check(t, b)
	b.close()
	verifyClean(t, fs)
	b = open(t, fs)
	if b.Mended != nil {
		t.Errorf("it is mended again: %v", b.Mended)
	}
	f.check(t, b)
	b.commit(b.gather(b.after(2, nil, deposit("x", 1), deposit("x", 1), deposit("x", 1), grant("shared", 1, 60))))
	posted, err := b.Ledger.PostNext(b.Pending[0])
	if err != nil {
		t.Fatal(err)
	}
	b.commit(b.gather(ledger.StoredBatch{Sealed: b.Pending[0], Posted: posted}))
	b.close()
	verifyClean(t, fs)
	if b = open(t, fs); len(b.Pending) != 0 {
		t.Errorf("%v still wait", b.Pending)
	}
}

// verifyClean verifies a directory in which nothing is wrong.
func verifyClean(t *testing.T, fs vfs.FS) {
	t.Helper()
	v, err := journal.Verify(dir, fs, func(f journal.Finding) {
		if f.Place != "file filter" { // a crash may leave half of it, and it is made anew
			t.Errorf("%v", f)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// Wherever a crash stops the mending, the next opening finds all of the old directory or all
// of the new one, and mends it.
func TestACrashWhileADirectoryIsMended(t *testing.T) {
	crashes := 0
	for seed := range uint64(20) {
		mem := vfs.NewCrashableMem()
		f := newForked(t, journal.Options{FS: mem})
		f.close()
		c := &crasher{mem: mem, rng: rand.New(rand.NewPCG(9, seed)), one: 3, synced: func() int { return 0 }}
		b := openWith(t, journal.Options{FS: c.fs()})
		f.check(t, b)
		b.close()
		for _, crash := range c.crashed {
			again := open(t, crash.fs)
			f.check(t, again)
			again.close()
			verifyClean(t, crash.fs)
			crashes++
		}
	}
	if crashes < 20 {
		t.Errorf("only %d crashes", crashes)
	}
}

// An entry depends on a fork if it comes after it, through whichever journals.
func TestDependents(t *testing.T) {
	b := open(t, vfs.NewMem())
	b.commit(b.gather(b.after(3, nil, deposit("a", 1))))
	b.commit(b.gather(b.after(2, nil, deposit("a", 1), deposit("a", 1))))
	b.commit(b.gather(b.after(3, []ledger.Position{{Branch: 2, Sequence: 1}}, deposit("a", 1))))
	b.commit(b.gather(b.after(2, nil, deposit("a", 1))))
	b.commit(b.gather(b.after(1, []ledger.Position{{Branch: 2, Sequence: 2}}, deposit("a", 1))))
	b.commit(b.gather(b.after(1, []ledger.Position{{Branch: 2, Sequence: 3}}, deposit("a", 1))))
	b.commit(b.gather(b.after(3, []ledger.Position{{Branch: 1, Sequence: 2}}, deposit("a", 1), deposit("a", 1))))
	for first, want := range map[uint64][]ledger.Dependent{
		3: {{Branch: 1, First: 2, Last: 2}, {Branch: 3, First: 3, Last: 4}},
		1: {{Branch: 1, First: 1, Last: 2}, {Branch: 3, First: 2, Last: 4}},
		4: nil,
	} {
		got, complete, err := b.Dependents(ledger.Position{Branch: 2, Sequence: first})
		if diff := cmp.Diff(want, got); diff != "" || !complete || err != nil {
			t.Errorf("after entry %d: complete %t, %v (-want +got):\n%s", first, complete, err, diff)
		}
	}
}

// However much came after a fork, what is looked at is bounded, and the answer says so.
func TestDependentsAreBounded(t *testing.T) {
	b := open(t, vfs.NewMem())
	b.writeUnsynced(2, deposit("a", 1))
	for k := range 1<<15 + 10 {
		c := b.gather(b.after(1, nil, deposit(fmt.Sprint(k%7), 1)))
		c.Sync = false
		b.commit(c)
	}
	got, complete, err := b.Dependents(ledger.Position{Branch: 2, Sequence: 1})
	if err != nil || complete || len(got) != 0 {
		t.Errorf("dependents: %v, complete %t, %v", got, complete, err)
	}
}
