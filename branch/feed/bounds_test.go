package feed

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
)

func wantOverloaded(t *testing.T, what string, err, want error) {
	t.Helper()
	if code := api.CodeOf(err); !errors.Is(err, want) || code != connect.CodeResourceExhausted {
		t.Errorf("%s: %v", what, err)
	}
}

func TestWatchersAreBounded(t *testing.T) {
	tests := map[string]struct {
		join     func(*Feed, string) (seat, error)
		most     int
		accounts int
	}{
		"of the bank": {(*Feed).joinBank, MaxBankWatchers, maxBankAccounts},
		"of a branch": {(*Feed).joinBranch, MaxBranchWatchers, maxBranchAccounts},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := stillFeed(t)
				var joined []seat
				join := func(account string) error {
					seat, err := test.join(f, account)
					if err == nil {
						joined = append(joined, seat)
					}
					return err
				}
				for i := range test.accounts {
					if err := join(fmt.Sprint("account ", i)); err != nil {
						t.Fatal(err)
					}
				}
				wantOverloaded(t, "one more account", join("one more"), errTooManyWatchedAccounts)
				for len(joined) < test.most {
					if err := join("account 0"); err != nil {
						t.Fatal(err)
					}
				}
				wantOverloaded(t, "one more watcher", join("account 0"), errTooManyWatchers)
				joined[1].leave() // was the only one of its account
				synctest.Wait()
				if err := join("one more"); err != nil {
					t.Errorf("one has left: %v", err)
				}
				f.Stop()
				if err := join("account 0"); !errors.Is(err, api.ErrStopping) {
					t.Errorf("a branch that stops: %v", err)
				}
				for i, seat := range joined {
					<-seat.over
					if i != 1 {
						seat.leave()
					}
				}
				synctest.Wait()
				if f.bankWatchers+f.branchWatchers+len(f.surveys)+len(f.reporters)+len(f.observer.reporting()) != 0 {
					t.Errorf("left over: %+v", f)
				}
			})
		})
	}
}

// Of its own writes that a branch has not reported yet it keeps the last ones, and
// counts the others.
func TestTheInboxOfAReporterIsBounded(t *testing.T) {
	r := newReporter(stillFeed(t), "a")
	c := own(1, 3*maxWatchedEntries)
	batch := &c.Batches[0]
	batch.Posted = make([]ledger.Posted, len(batch.Batch.Entries))
	for i := range batch.Batch.Entries {
		batch.Batch.Entries[i] = ledger.Entry{Sequence: uint64(i + 1), Kind: ledger.Deposit, Account: "a", Amount: 1}
	}
	r.observeBatch(batch)
	in := &r.inbox
	if n := len(in.entries); n != maxWatchedEntries || in.received != 3*maxWatchedEntries || in.entries[n-1].GetReceipt().GetSequence() != 3*maxWatchedEntries ||
		in.entries[0].GetReceipt().GetSequence() != 2*maxWatchedEntries+1 {
		t.Errorf("%d of %d: %v", n, in.received, in.entries)
	}
	for range 2 * maxWatchedEntries {
		r.refuse(&ledger.Entry{Kind: ledger.Deposit, Account: "a"}, "unavailable", "why")
	}
	if len(in.entries) != maxWatchedEntries || in.received != 5*maxWatchedEntries {
		t.Errorf("%d of %d", len(in.entries), in.received)
	}
	entries, received := in.empty()
	r.refuse(&ledger.Entry{Kind: ledger.Deposit, Account: "a"}, "unavailable", "last")
	in.putBack(entries, received)
	if n := len(in.entries); n != maxWatchedEntries || in.received != 5*maxWatchedEntries+1 || in.entries[n-1].GetRefusal() != "last" {
		t.Errorf("put back, %d of %d, the last %v", n, in.received, in.entries[n-1])
	}
}

// The more branches there are, the less often each reports.
func TestReportsOfManyBranchesAreRarer(t *testing.T) {
	for n, want := range map[int]int{1: 100, 50: 100, 200: 400} {
		if got := reportInterval(n).Milliseconds(); got != int64(want) {
			t.Errorf("%d branches: every %d ms, want %d", n, got, want)
		}
	}
}
