package ledger_test

import (
	"errors"
	"testing"

	"passbook.example/passbook/branch/ledger"
)

// A batch may run ahead of what is applied so far, and no further.
func TestLeadsAreBounded(t *testing.T) {
	const lead = 1 << 32
	for name, test := range map[string]struct {
		clock, epoch uint64 // before the batch
		last, boot   uint64 // of the batch
		what         string
	}{
		"as ever":                           {clock: 7, epoch: 3, last: 8, boot: 3},
		"a clock that is behind":            {clock: 7, epoch: 3, last: 1, boot: 3},
		"an epoch that is behind":           {clock: 7, epoch: 3, last: 8, boot: 0},
		"a clock as far ahead as may be":    {clock: 7, epoch: 3, last: 7 + lead, boot: 3},
		"a clock too far ahead":             {clock: 7, epoch: 3, last: 8 + lead, boot: 3, what: "clock"},
		"the largest clock":                 {clock: 7, epoch: 3, last: 1<<64 - 1, boot: 3, what: "clock"},
		"an epoch as far ahead as may be":   {clock: 7, epoch: 3, last: 8, boot: 3 + lead},
		"an epoch too far ahead":            {clock: 7, epoch: 3, last: 8, boot: 4 + lead, what: "epoch"},
		"the largest epoch":                 {clock: 7, epoch: 3, last: 8, boot: 1<<64 - 1, what: "epoch"},
		"the largest of all that was there": {clock: 1<<64 - 1, epoch: 1<<64 - 1, last: 1<<64 - 1, boot: 1<<64 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &ledger.Batch{Branch: 2, Epoch: test.boot, FirstSequence: 5, Entries: []ledger.Entry{{Sequence: 5, Clock: 1}, {Sequence: 6, Clock: test.last}}}
			err := ledger.CheckLead(b, test.epoch, test.clock)
			switch {
			case test.what == "" && err != nil:
				t.Error(err)
			case test.what != "" && (err == nil || err.What != test.what || err.Branch != 2 || err.Sequence != 6):
				t.Errorf("got %+v, want an error about the %s of entry 6", err, test.what)
			}
		})
	}
}

// Numbers that no batch has are refused whatever was applied before it.
func TestOpenSealedRefusesNumbers(t *testing.T) {
	for name, change := range map[string]func(*ledger.Batch){
		"an epoch over the bound": func(b *ledger.Batch) { b.Epoch = ledger.MaxEpoch + 1 },
		"a sequence over the bound": func(b *ledger.Batch) {
			b.FirstSequence = ledger.MaxSequence + 1
			b.Entries[0].Sequence = b.FirstSequence
		},
		"sequences that overflow":           func(b *ledger.Batch) { b.FirstSequence = 1<<64 - 1; b.Entries[0].Sequence = b.FirstSequence },
		"a clock over the bound":            func(b *ledger.Batch) { b.Entries[0].Clock = ledger.MaxClock + 1 },
		"after its own branch":              func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 1, Sequence: 1}} },
		"after no branch":                   func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 0, Sequence: 1}} },
		"after no entry":                    func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 2}} },
		"after a sequence over the bound":   func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 2, Sequence: ledger.MaxSequence + 1}} },
		"after one branch twice":            func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 2, Sequence: 1}, {Branch: 2, Sequence: 2}} },
		"after branches that do not ascend": func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 3, Sequence: 1}, {Branch: 2, Sequence: 1}} },
	} {
		t.Run(name, func(t *testing.T) {
			b := &ledger.Batch{Branch: 1, Epoch: ledger.MaxEpoch, FirstSequence: 1, Entries: []ledger.Entry{{Sequence: 1, Clock: ledger.MaxClock, Kind: ledger.Deposit, Account: "a", Amount: 1}}, After: []ledger.Position{{Branch: 2, Sequence: ledger.MaxSequence}}}
			{
				s := ledger.NewSealed(b)
				if _, err := ledger.OpenSealed(s.Bytes, s.Hash); err != nil {
					t.Fatal(err)
				}
			}
			change(b)
			s := ledger.NewSealed(b)
			if _, err := ledger.OpenSealed(s.Bytes, s.Hash); !errors.Is(err, ledger.ErrBatchFormat) {
				t.Errorf("got %v, want %v", err, ledger.ErrBatchFormat)
			}
		})
	}
}
