package branch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// watchPort is a branch whose watches say nothing: nothing runs its engine.
func watchPort(t *testing.T) *servedBranch {
	t.Helper()
	p := servePort(t)
	p.customers = silentWatch{}
	return p
}

// silentWatch shows nothing to those who watch.
type silentWatch struct {
	bankv1connect.BranchServiceClient
}

func (silentWatch) Watch(ctx context.Context, _ *bankv1.WatchRequest) (*connect.ServerStreamForClient[bankv1.WatchResponse], error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func wantOverloaded(t *testing.T, what string, err, want error) {
	t.Helper()
	if code := api.CodeOf(err); !errors.Is(err, want) || code != connect.CodeResourceExhausted {
		t.Errorf("%s: %v", what, err)
	}
}

func TestWatchersAreBounded(t *testing.T) {
	tests := map[string]struct {
		join     func(*Branch, string) (watched, error)
		most     int
		accounts int
	}{
		"of the bank": {func(b *Branch, name string) (watched, error) { return b.watches.joinBank(b, name) }, maxBankWatchers, maxBankAccounts},
		"of a branch": {func(b *Branch, name string) (watched, error) { return b.watches.joinBranch(b, name) }, maxBranchWatchers, maxBranchAccounts},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := watchPort(t).Branch
				var joined []watched
				join := func(account string) error {
					w, err := test.join(b, account)
					if err == nil {
						joined = append(joined, w)
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
				b.watches.stop()
				if err := join("account 0"); !errors.Is(err, api.ErrStopping) {
					t.Errorf("a branch that stops: %v", err)
				}
				for i, w := range joined {
					<-w.over
					if i != 1 {
						w.leave()
					}
				}
				synctest.Wait()
				if w := b.watches; w.bankWatchers+w.branchWatchers+len(w.banks)+len(w.branches) != 0 || len(w.observer.own()) != 0 {
					t.Errorf("left over: %+v", w)
				}
			})
		})
	}
}

// What a branch has not reported yet of its own writes is bounded, too.
func TestTheInboxOfAWatchIsBounded(t *testing.T) {
	b := &Branch{id: 1, watches: &watches{observer: newLoopObserver(1)}, cfg: Config{Addresses: map[uint32]string{1: ""}}, linksCtx: t.Context()}
	w := newBranchWatch(b, "a")
	c := own(1, 3*maxWatchedEntries)
	batch := &c.Batches[0]
	batch.Posted = make([]ledger.Posted, len(batch.Batch.Entries))
	for i := range batch.Batch.Entries {
		batch.Batch.Entries[i] = ledger.Entry{Sequence: uint64(i + 1), Kind: ledger.Deposit, Account: "a", Amount: 1}
	}
	w.noteBatch(batch)
	if n := len(w.inbox); n != maxWatchedEntries || w.received != 3*maxWatchedEntries || w.inbox[n-1].GetReceipt().GetSequence() != 3*maxWatchedEntries ||
		w.inbox[0].GetReceipt().GetSequence() != 2*maxWatchedEntries+1 {
		t.Errorf("%d of %d: %v", n, w.received, w.inbox)
	}
	for range 2 * maxWatchedEntries {
		w.refuse(&ledger.Entry{Kind: ledger.Deposit, Account: "a"}, "unavailable", "why")
	}
	if len(w.inbox) != maxWatchedEntries || w.received != 5*maxWatchedEntries {
		t.Errorf("%d of %d", len(w.inbox), w.received)
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
