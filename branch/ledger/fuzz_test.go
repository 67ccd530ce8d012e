package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

// Whatever batches a peer sends, each is applied as a whole or changes
// nothing, and no rule of the ledger is broken.
func FuzzPostBatch(f *testing.F) {
	for _, entries := range [][]ledger.Entry{
		{deposit(1, "a", 7), transfer(2, "a", "b", 3), grant(3, "b", 1, 1)},
		{withdrawal(1, "shared", 5)},
		{withdrawal(1, "shared", 500)},
		{deposit(1, "a", ledger.MaxAmount/3), deposit(2, "a", ledger.MaxAmount/3)},
		{grant(1, "shared", 2, 5), grant(2, "shared", 9, 1)},
		{bulk(1, "+a:7 a>b:3 -shared:2"), bulk(2, "-a:4 +c:1 -b:9")},
	} {
		f.Add(seal(1, entries...).Bytes, seal(2, entries...).Bytes)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := newLedger(t, 20, 1, 2, 3)
		for _, in := range [][]byte{first, second} {
			s, err := open(in)
			if err != nil {
				continue
			}
			before := viewOf(l)
			if _, err := l.PostBatch(s); err != nil {
				if diff := cmp.Diff(before, viewOf(l)); diff != "" {
					t.Errorf("%v, and yet the ledger changed: %s", err, diff)
				}
			}
			if err := l.CheckInvariants(); err != nil {
				t.Error(err)
			}
		}
	})
}
