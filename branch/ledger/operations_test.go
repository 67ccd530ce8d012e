package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"passbook.example/passbook/branch/ledger"
)

// operations reads "+a:5 -a:3 a>b:2": a deposit, a withdrawal, a transfer.
func operations(text string) *ledger.Operations {
	o := &ledger.Operations{}
	var froms, tos []string
	for _, word := range strings.Fields(text) {
		names, amount, _ := strings.Cut(word, ":")
		from, to, transfer := strings.Cut(names, ">")
		switch {
		case transfer:
		case names[0] == '+':
			from, to = "", names[1:]
		default:
			from, to = names[1:], ""
		}
		var a ledger.Amount
		if _, err := fmt.Sscan(amount, &a); err != nil {
			panic(err)
		}
		froms, tos, o.Amounts = append(froms, from), append(tos, to), append(o.Amounts, a)
	}
	o.Accounts = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(slices.Concat(froms, tos)))), func(s string) bool { return s == "" })
	for i := range froms {
		o.From = append(o.From, uint32(slices.Index(o.Accounts, froms[i])+1))
		o.To = append(o.To, uint32(slices.Index(o.Accounts, tos[i])+1))
	}
	return o
}

func bulk(sequence uint64, text string) ledger.Entry {
	return ledger.Entry{Sequence: sequence, Clock: sequence, Kind: ledger.Bulk, Operations: operations(text)}
}

func TestOperationsCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*ledger.Operations)
		want   error
	}{
		{"well formed", func(*ledger.Operations) {}, nil},
		{"an account that no operation names", func(o *ledger.Operations) { o.Accounts = append(o.Accounts, "z") }, nil},
		{"no operations", func(o *ledger.Operations) { *o = ledger.Operations{} }, ledger.ErrOperations},
		{"too many", func(o *ledger.Operations) {
			n := ledger.MaxOperations + 1
			*o = ledger.Operations{Accounts: []string{"a"}, From: make([]uint32, n), To: slices.Repeat([]uint32{1}, n), Amounts: slices.Repeat([]ledger.Amount{1}, n)}
		}, ledger.ErrOperations},
		{"a column too short", func(o *ledger.Operations) { o.From = o.From[:2] }, ledger.ErrOperations},
		{"a column too long", func(o *ledger.Operations) { o.To = append(o.To, 1) }, ledger.ErrOperations},
		{"more accounts than operations can name", func(o *ledger.Operations) { o.Accounts = strings.Split("a b c d e f g", " ") }, ledger.ErrOperations},
		{"accounts out of order", func(o *ledger.Operations) { o.Accounts = []string{"b", "a"} }, ledger.ErrOperations},
		{"an account twice", func(o *ledger.Operations) { o.Accounts = []string{"a", "a"} }, ledger.ErrOperations},
		{"an account without a name", func(o *ledger.Operations) { o.Accounts = []string{"", "a"} }, ledger.ErrAccount},
		{"a name too long", func(o *ledger.Operations) { o.Accounts[1] = strings.Repeat("b", ledger.MaxNameBytes+1) }, ledger.ErrAccount},
		{"no account", func(o *ledger.Operations) { o.To[0] = 0 }, ledger.ErrOperations},
		{"an account that is not there", func(o *ledger.Operations) { o.From[1] = 3 }, ledger.ErrOperations},
		{"to itself", func(o *ledger.Operations) { o.To[2] = 1 }, ledger.ErrSelf},
		{"an amount of 0", func(o *ledger.Operations) { o.Amounts[1] = 0 }, ledger.ErrAmount},
		{"a negative amount", func(o *ledger.Operations) { o.Amounts[1] = -1 }, ledger.ErrAmount},
		{"some refused", func(o *ledger.Operations) { o.Insufficient, o.Unavailable = []uint32{1}, []uint32{0} }, nil},
		{"all refused", func(o *ledger.Operations) { o.Insufficient, o.Unavailable = []uint32{1, 2}, []uint32{0} }, ledger.ErrOperations},
		{"refused out of order", func(o *ledger.Operations) { o.Insufficient = []uint32{2, 1} }, ledger.ErrOperations},
		{"refused twice", func(o *ledger.Operations) { o.Insufficient = []uint32{1, 1} }, ledger.ErrOperations},
		{"refused for two reasons", func(o *ledger.Operations) { o.Insufficient, o.Unavailable = []uint32{1}, []uint32{1} }, ledger.ErrOperations},
		{"refused and not there", func(o *ledger.Operations) { o.Unavailable = []uint32{3} }, ledger.ErrOperations},
		{"a deposit that is insufficient", func(o *ledger.Operations) { o.Insufficient = []uint32{0} }, ledger.ErrOperations},
		{"all or none, and some refused", func(o *ledger.Operations) { o.AllOrNone, o.Insufficient = true, []uint32{1} }, ledger.ErrOperations},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := operations("+a:5 -a:3 a>b:2")
			test.change(o)
			if got := o.Check(); !errors.Is(got, test.want) || (got == nil) != (test.want == nil) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// A bulk has no account and no amount of its own, and nothing else has
// operations.
func TestCheckOfABulkEntry(t *testing.T) {
	for name, change := range map[string]func(*ledger.Entry){
		"no operations":            func(e *ledger.Entry) { e.Operations = nil },
		"an account":               func(e *ledger.Entry) { e.Account = "a" },
		"an account to pay":        func(e *ledger.Entry) { e.ToAccount = "a" },
		"a branch":                 func(e *ledger.Entry) { e.ToBranch = 2 },
		"an amount":                func(e *ledger.Entry) { e.Amount = 1 },
		"operations in a transfer": func(e *ledger.Entry) { *e = transfer(1, "a", "b", 1); e.Operations = operations("+a:1") },
	} {
		e := bulk(1, "+a:1")
		change(&e)
		if err := e.Check(); !errors.Is(err, ledger.ErrField) {
			t.Errorf("%s: got %v, want %v", name, err, ledger.ErrField)
		}
	}
}

func TestRefuseBelow(t *testing.T) {
	for _, test := range []struct {
		name, operations string
		balance          ledger.Amount
		before, want     []uint32
	}{
		{"enough", "-a:5 -a:5", 10, nil, nil},
		{"not for the last", "-a:5 -a:6", 10, nil, []uint32{1}},
		{"a smaller one goes after one that is too large", "-a:40 -a:6 -a:5", 45, nil, []uint32{1}},
		{"what comes in counts", "-a:10 +a:3 -a:3 -a:1", 10, nil, []uint32{3}},
		{"what comes in later does not", "-a:11 +a:3", 10, nil, []uint32{0}},
		{"a transfer takes", "a>b:10 -a:1", 10, nil, []uint32{1}},
		{"other accounts don't count", "-b:100 -a:5", 5, nil, nil},
		{"the largest balance", fmt.Sprintf("+a:%d -a:%d -a:1", ledger.MaxAmount, ledger.MaxAmount), 1, nil, []uint32{2}},
		{"what was refused after one that is refused now may go", "-a:8 -a:5 -a:2", 5, []uint32{1}, []uint32{0, 2}},
		{"and what it brings makes other refusals void", "a>b:8 a>b:4 -b:4", 5, []uint32{1, 2}, []uint32{0}},
		{"refusals of other accounts stay", "-b:8 -a:5 -a:2", 5, []uint32{0}, []uint32{0, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := operations(test.operations)
			o.Insufficient = test.before
			was := slices.Clone(test.before)
			changed := o.RefuseBelow("a", test.balance)
			if diff := cmp.Diff(test.want, o.Insufficient); diff != "" {
				t.Error(diff)
			}
			if changed != !slices.Equal(test.before, test.want) {
				t.Errorf("says %t", changed)
			}
			if !slices.Equal(was, test.before) {
				t.Error("the list before has changed")
			}
		})
	}
}

func TestRefuseUncovered(t *testing.T) {
	free := func(string, bool) bool { return false }
	for _, test := range []struct {
		name, operations          string
		blocked                   func(string, bool) bool
		before, insufficient, out []uint32
	}{
		{"covered", "-shared:10", free, nil, nil, nil},
		{"not covered", "-shared:11 -shared:10 -shared:1", free, nil, nil, []uint32{0, 2}},
		{"what comes in counts", "-shared:10 +shared:1 -shared:1", free, nil, nil, nil},
		{"what is not carried out brings nothing", "shared>a:11 -a:1", free, nil, nil, []uint32{0, 1}},
		{"blocked for those that pay", "-shared:1 +shared:1", func(_ string, pays bool) bool { return pays }, nil, nil, []uint32{0}},
		{"blocked for all", "-shared:1 +shared:1 +a:1", func(a string, _ bool) bool { return a == "shared" }, nil, nil, []uint32{0, 1}},
		{"an insufficient one stays so", "-shared:10 -shared:99", free, []uint32{1}, []uint32{1}, nil},
		{"unless one before it is unavailable now", "-shared:11 -shared:99 +a:1", free, []uint32{1}, nil, []uint32{0, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, 20, 1, 2)
			o := operations(test.operations)
			o.Insufficient = test.before
			l.RefuseUncovered(0, o, test.blocked)
			if diff := cmp.Diff(test.insufficient, o.Insufficient); diff != "" {
				t.Errorf("insufficient: %s", diff)
			}
			if diff := cmp.Diff(test.out, o.Unavailable); diff != "" {
				t.Errorf("unavailable: %s", diff)
			}
		})
	}
}

// A branch may hold all that a balance can be. More than that nobody can take,
// not even in two parts that are put back.
func TestOperationsThatTakeMoreThanABalanceCanBe(t *testing.T) {
	l := newLedger(t, ledger.MaxAmount, 1)
	o := operations(fmt.Sprintf("-shared:%d -shared:5 +shared:5", ledger.MaxAmount))
	var limit *ledger.LimitError
	if _, err := l.Plan(0, o); !errors.As(err, &limit) {
		t.Errorf("Plan: got %v, want a *LimitError", err)
	}
	e := ledger.Entry{Sequence: 1, Clock: 1, Kind: ledger.Bulk, Operations: o}
	if _, err := l.Post(0, &e); !errors.As(err, &limit) {
		t.Errorf("Post: got %v, want a *LimitError", err)
	}
	if got := l.Balance("shared"); got != ledger.MaxAmount {
		t.Errorf("the balance is %d", got)
	}
	whole := bulk(1, fmt.Sprintf("-shared:%d +shared:5", ledger.MaxAmount))
	if _, err := l.Post(0, &whole); err != nil || l.Balance("shared") != 5 {
		t.Errorf("all there is: %v, balance %d", err, l.Balance("shared"))
	}
}

// A malformed bulk is refused, not read.
func TestPostBatchOfAMalformedBulk(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	bad := bulk(2, "+a:1")
	bad.Operations.To[0] = 7
	before := viewOf(l)
	if _, err := l.PostBatch(seal(2, deposit(1, "a", 1), bad)); !errors.Is(err, ledger.ErrOperations) {
		t.Errorf("got %v, want %v", err, ledger.ErrOperations)
	}
	if diff := cmp.Diff(before, viewOf(l)); diff != "" {
		t.Error(diff)
	}
}

func drawOperations(t *rapid.T) *ledger.Operations {
	names := []string{"a", "b", "c", "d", "shared"}
	o := &ledger.Operations{Accounts: names, AllOrNone: rapid.Bool().Draw(t, "all or none")}
	amount := rapid.OneOf(rapid.Int64Range(1, 40), rapid.Int64Range(1, 40), rapid.Int64Min(1))
	for range rapid.IntRange(3, 8).Draw(t, "operations") {
		from := rapid.IntRange(0, len(names)).Draw(t, "from")
		to := (from + rapid.IntRange(1, len(names)).Draw(t, "to")) % (len(names) + 1)
		o.From, o.To = append(o.From, uint32(from)), append(o.To, uint32(to))
		o.Amounts = append(o.Amounts, ledger.Amount(amount.Draw(t, "amount")))
	}
	if o.AllOrNone {
		return o
	}
	for i := range len(o.Amounts) - 1 { // one is always left
		switch k := rapid.IntRange(0, 7).Draw(t, "refused"); {
		case k == 0 && o.From[i] != 0:
			o.Insufficient = append(o.Insufficient, uint32(i))
		case k == 1:
			o.Unavailable = append(o.Unavailable, uint32(i))
		}
	}
	return o
}

// one is an operation as an entry of its own.
func one(o *ledger.Operations, i int) ledger.Entry {
	name := func(place uint32) string {
		if place == 0 {
			return ""
		}
		return o.Accounts[place-1]
	}
	from, to := name(o.From[i]), name(o.To[i])
	switch {
	case from == "":
		return ledger.Entry{Kind: ledger.Deposit, Account: to, Amount: o.Amounts[i]}
	case to == "":
		return ledger.Entry{Kind: ledger.Withdrawal, Account: from, Amount: o.Amounts[i]}
	}
	return ledger.Entry{Kind: ledger.Transfer, Account: from, ToAccount: to, Amount: o.Amounts[i]}
}

// What Plan says of a list, and what RefuseUncovered leaves of it, is what
// writing its operations one after the other does.
func TestOperationsAgainstOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &dumb{branches: []ledger.BranchID{2, 3, 5}, opening: ledger.Amount(rapid.Int64Range(0, 90).Draw(t, "opening"))}
		l, err := ledger.New(d.branches, d.opening)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 3).Draw(t, "batches") {
			postBoth(t, l, d)
		}
		writer := rapid.IntRange(0, 2).Draw(t, "branch")
		o := drawOperations(t)
		allowed := d.allowsOneByOne(writer, o)
		short, err := l.Plan(writer, o)
		if got := err == nil && len(short) == 0; got != allowed {
			t.Fatalf("Plan says %v, %v; one after the other they can be written: %t", short, err, allowed)
		}
		if needs, nerr := l.Needs(writer, o); (nerr == nil) != (err == nil) {
			t.Fatalf("Needs says %v, Plan %v", nerr, err)
		} else if err == nil {
			for k, name := range o.Accounts {
				k, is := slices.BinarySearchFunc(short, o.Accounts[k], func(s ledger.Shortfall, n string) int { return strings.Compare(s.Account, n) })
				need := needs[slices.Index(o.Accounts, name)]
				if is != (need > l.Escrow(name, writer)) || is && short[k].Need != need {
					t.Fatalf("Needs says %d of %q, Plan %v", need, name, short)
				}
			}
		}
		left := *o
		l.RefuseUncovered(writer, &left, func(string, bool) bool { return false })
		if left.Refused() == left.Len() || left.Check() != nil && !o.AllOrNone {
			return
		}
		if _, err := l.Plan(writer, &left); err == nil && !d.allowsOneByOne(writer, &left) {
			t.Fatalf("what is left of %+v can't be written: %+v", o, left)
		}
	})
}

// Each operation that RefuseBelow refuses needs more than there is after those
// that are carried out before it, and those that it lets go don't.
func TestRefuseBelowAgainstOneAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOperations(t)
		o.AllOrNone = false
		name := rapid.SampledFrom(o.Accounts).Draw(t, "account")
		balance := ledger.Amount(rapid.Int64Range(0, 100).Draw(t, "balance"))
		had := slices.Clone(o.Insufficient)
		changed := o.RefuseBelow(name, balance)
		left := balance
		for i := range o.Amounts {
			from, to := "", ""
			if p := o.From[i]; p > 0 {
				from = o.Accounts[p-1]
			}
			if p := o.To[i]; p > 0 {
				to = o.Accounts[p-1]
			}
			refused := slices.Contains(o.Insufficient, uint32(i))
			gone := slices.Contains(o.Unavailable, uint32(i))
			switch {
			case gone:
			case from == name && refused != (o.Amounts[i] > left):
				t.Fatalf("operation %d of %+v: %d are left of %q, refused %t", i, o, left, name, refused)
			case from != name && refused && !slices.Contains(had, uint32(i)):
				t.Fatalf("operation %d of %+v does not pay from %q and is refused", i, o, name)
			case refused:
			case from == name:
				left -= o.Amounts[i]
			case to == name:
				left += min(o.Amounts[i], ledger.MaxAmount-left)
			}
		}
		if changed == slices.Equal(had, o.Insufficient) {
			t.Fatalf("says %t of %+v", changed, o)
		}
	})
}
