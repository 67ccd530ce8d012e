package ledger_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passbook.example/passbook/branch/ledger"
)

// dumb is a ledger that keeps every entry and adds them all up each time.
type dumb struct {
	branches []ledger.BranchID
	opening  ledger.Amount
	posted   []posted
}

type posted struct {
	writer int
	entry  ledger.Entry
	head   ledger.Head // after it, where its batch ends
}

func (d *dumb) view() view {
	v := view{Heads: make([]ledger.Head, len(d.branches))}
	accounts := map[string]*accountView{}
	open := func(name string) *accountView {
		if accounts[name] == nil {
			n := len(d.branches)
			accounts[name] = &accountView{Name: name, Escrow: make([]ledger.Amount, n), Paid: make([]ledger.Amount, n), Last: make([]uint64, n)}
		}
		return accounts[name]
	}
	pay := func(p posted, name string, amount ledger.Amount) {
		a := open(name)
		a.Balance += amount
		a.Escrow[p.writer] += amount
		a.Paid[p.writer] += amount
		a.Last[p.writer] = p.entry.Sequence
	}
	if d.opening > 0 {
		a := open(ledger.SharedAccount)
		a.Balance, a.Escrow, a.Paid = d.opening, ledger.Spread(d.opening, len(d.branches)), ledger.Spread(d.opening, len(d.branches))
	}
	for _, p := range d.posted {
		switch e := p.entry; e.Kind {
		case ledger.Bulk:
			for i := range e.Operations.Amounts {
				one := one(e.Operations, i)
				switch {
				case refusedIn(e.Operations, i):
				case one.Kind == ledger.Deposit:
					pay(p, one.Account, one.Amount)
				case one.Kind == ledger.Withdrawal:
					pay(p, one.Account, -one.Amount)
				default:
					pay(p, one.Account, -one.Amount)
					pay(p, one.ToAccount, one.Amount)
				}
			}
		case ledger.Deposit:
			pay(p, e.Account, e.Amount)
		case ledger.Withdrawal:
			pay(p, e.Account, -e.Amount)
		case ledger.Transfer:
			pay(p, e.Account, -e.Amount)
			pay(p, e.ToAccount, e.Amount)
		case ledger.Grant:
			a := open(e.Account)
			a.Escrow[p.writer] -= e.Amount
			a.Escrow[slices.Index(d.branches, e.ToBranch)] += e.Amount
		}
		v.Clock = max(v.Clock, p.entry.Clock)
		v.Heads[p.writer] = p.head
	}
	for _, a := range accounts {
		v.Accounts = append(v.Accounts, *a)
	}
	slices.SortFunc(v.Accounts, func(a, b accountView) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return v
}

// allows reports whether the i-th branch may write the entry.
func (d *dumb) allows(i int, e *ledger.Entry) bool {
	share := func(name string) (escrow, paid ledger.Amount) {
		for _, a := range d.view().Accounts {
			if a.Name == name {
				return a.Escrow[i], a.Paid[i]
			}
		}
		return 0, 0
	}
	fits := func(name string) bool {
		_, paid := share(name)
		limit := ledger.MaxAmount / ledger.Amount(len(d.branches))
		return paid <= 0 && e.Amount <= limit || paid > 0 && e.Amount <= limit-paid
	}
	escrow, _ := share(e.Account)
	switch e.Kind {
	case ledger.Bulk:
		return d.allowsOneByOne(i, e.Operations)
	case ledger.Deposit:
		return fits(e.Account)
	case ledger.Transfer:
		return escrow >= e.Amount && fits(e.ToAccount)
	case ledger.Grant:
		return escrow >= e.Amount && e.ToBranch != d.branches[i] && slices.Contains(d.branches, e.ToBranch)
	}
	return escrow >= e.Amount
}

// allowsOneByOne reports whether the i-th branch may write the operations that
// are not refused one after the other.
func (d *dumb) allowsOneByOne(i int, o *ledger.Operations) bool {
	side := &dumb{branches: d.branches, opening: d.opening, posted: slices.Clone(d.posted)}
	for k := range o.Amounts {
		if refusedIn(o, k) {
			continue
		}
		e := one(o, k)
		if !side.allows(i, &e) {
			return false
		}
		side.posted = append(side.posted, posted{writer: i, entry: e})
	}
	return true
}

func refusedIn(o *ledger.Operations, i int) bool {
	return slices.Contains(o.Insufficient, uint32(i)) || slices.Contains(o.Unavailable, uint32(i))
}

// The ledger is what a dumb one is, after any batches.
func TestLedgerAgainstADumbOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		branches := []ledger.BranchID{2, 3, 5, 8}[:rapid.IntRange(1, 4).Draw(t, "branches")]
		d := &dumb{branches: branches, opening: ledger.Amount(rapid.Int64Range(0, 50).Draw(t, "opening"))}
		l, err := ledger.New(branches, d.opening)
		if err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if diff := cmp.Diff(d.view(), viewOf(l)); diff != "" {
					t.Fatal(diff)
				}
				if err := l.CheckInvariants(); err != nil {
					t.Fatal(err)
				}
			},
			"batch": func(t *rapid.T) { postBoth(t, l, d) },
		})
	})
}

// postBoth posts a batch to both ledgers; in the dumb one up to the first entry
// that is not allowed, and then not at all.
func postBoth(t *rapid.T, l *ledger.Ledger, d *dumb) {
	writer := rapid.IntRange(0, len(d.branches)-1).Draw(t, "writer")
	before := slices.Clone(d.posted)
	b := &ledger.Batch{Branch: d.branches[writer], Epoch: 1, FirstSequence: l.Head(writer).Sequence + 1}
	allowed := true
	for k := range rapid.IntRange(1, 4).Draw(t, "entries") {
		e := ledger.Entry{
			Sequence: b.FirstSequence + uint64(k), Clock: l.Clock() + uint64(k) + 1,
			Kind:    ledger.Kind(rapid.IntRange(1, 5).Draw(t, "kind")),
			Account: rapid.SampledFrom([]string{"shared", "a", "b"}).Draw(t, "account"),
			Amount:  ledger.Amount(rapid.OneOf(rapid.Int64Range(1, 40), rapid.Int64Min(1)).Draw(t, "amount")),
		}
		switch e.Kind {
		case ledger.Transfer:
			e.ToAccount = fmt.Sprint(rapid.SampledFrom([]string{"c", "d"}).Draw(t, "to"))
		case ledger.Grant:
			e.ToBranch = rapid.SampledFrom([]ledger.BranchID{2, 3, 5, 8, 13}).Draw(t, "to branch")
		case ledger.Bulk:
			e.Account, e.Amount, e.Operations = "", 0, drawOperations(t)
		}
		b.Entries = append(b.Entries, e)
		if allowed = allowed && d.allows(writer, &e); allowed {
			d.posted = append(d.posted, posted{writer: writer, entry: e})
		}
	}
	s := ledger.NewSealed(b)
	_, err := l.PostBatch(s)
	if (err == nil) != allowed {
		t.Fatalf("PostBatch says %v, the dumb ledger allows it: %v", err, allowed)
	}
	if !allowed {
		d.posted = before
		return
	}
	d.posted[len(d.posted)-1].head = ledger.Head{Sequence: b.LastSequence(), Hash: s.Hash, Epoch: b.Epoch}
}
