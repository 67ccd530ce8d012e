package journal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
)

// writeNumbers commits a deposit of branch 2 with a clock and an epoch, as a
// branch that believes any would.
func (b *branch) writeNumbers(clock, epoch uint64) {
	b.t.Helper()
	i, _ := b.Ledger.Index(2)
	head := b.Ledger.Head(i)
	e := deposit("a", 1)
	e.Sequence, e.Clock = head.Sequence+1, clock
	s := ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: epoch, FirstSequence: e.Sequence, Entries: []ledger.Entry{e}, PrevHash: head.Hash})
	posted, err := b.Ledger.PostBatch(s)
	if err != nil {
		b.t.Fatal(err)
	}
	b.commit(b.gather(ledger.StoredBatch{Sealed: s, Posted: posted}))
}

// A branch does not start on a directory with a number that no writer can have
// reached, and verifying it names every such place. It does start with one as far
// ahead as is allowed.
func TestNumbersThatRunAheadAreNamedAndRefused(t *testing.T) {
	const lead = 1 << 32
	for name, test := range map[string]struct {
		clock, epoch uint64
		want         string
	}{
		"as far as a clock may":          {clock: 1 + lead, epoch: 1},
		"as far as an epoch may":         {clock: 2, epoch: lead},
		"a clock too far":                {clock: 2 + lead, epoch: 1, want: "the clock of entry 1 of branch 2 is 4294967298, after 1"},
		"nearly the largest clock":       {clock: ledger.MaxClock - 9, epoch: 1, want: "the clock of entry 1 of branch 2 is 4611686018427387895, after 1"},
		"an epoch too far":               {clock: 2, epoch: 1 + lead, want: "the epoch of entry 1 of branch 2 is 4294967297, after 0"},
		"the largest epoch":              {clock: 2, epoch: ledger.MaxEpoch, want: "the epoch of entry 1 of branch 2 is 4611686018427387904, after 0"},
		"an epoch that no batch has":     {clock: 2, epoch: 1<<64 - 1, want: "its epoch 18446744073709551615 is over"},
		"an epoch over that by only one": {clock: 2, epoch: ledger.MaxEpoch + 1, want: "its epoch 4611686018427387905 is over"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			b := open(t, fs)
			b.write(1, deposit("a", 1))
			b.writeNumbers(test.clock, test.epoch)
			b.write(1, deposit("a", 1))
			b.close()
			findings, _, _ := verify(t, fs, dir)
			j, _, err := journal.Open(dir, bank, journal.Options{FS: fs})
			if j != nil {
				defer j.Close()
			}
			if test.want == "" {
				if err != nil || len(findings) > 0 {
					t.Errorf("got %v, and %v", err, findings)
				}
				return
			}
			var damage *journal.DamageError
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("opened with %v, want an error that says %q", err, test.want)
			} else if strings.HasPrefix(test.want, "the ") && !errors.As(err, &damage) {
				t.Errorf("%v does not name the place", err)
			}
			if len(findings) == 0 || !strings.Contains(findings[0], test.want) {
				t.Errorf("found %q, want %q", findings, test.want)
			}
		})
	}
}
