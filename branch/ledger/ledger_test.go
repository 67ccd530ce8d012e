package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/branch/ledger"
)

// view is all that a ledger tells.
type view struct {
	Clock    uint64
	Heads    []ledger.Head
	Accounts []accountView
}

type accountView struct {
	Name    string
	Balance ledger.Amount
	Escrow  []ledger.Amount
	Paid    []ledger.Amount
	Last    []uint64
}

func viewOf(l *ledger.Ledger) view {
	v := view{Clock: l.Clock()}
	for i := range l.Branches() {
		v.Heads = append(v.Heads, l.Head(i))
	}
	for _, name := range l.Accounts() {
		a := accountView{Name: name, Balance: l.Balance(name)}
		for i := range l.Branches() {
			a.Escrow = append(a.Escrow, l.Escrow(name, i))
			a.Paid = append(a.Paid, l.Paid(name, i))
			a.Last = append(a.Last, l.Last(name, i))
		}
		v.Accounts = append(v.Accounts, a)
	}
	return v
}

func newLedger(t *testing.T, opening ledger.Amount, branches ...ledger.BranchID) *ledger.Ledger {
	t.Helper()
	l, err := ledger.New(branches, opening)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func deposit(sequence uint64, account string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Sequence: sequence, Clock: 10 + sequence, Kind: ledger.Deposit, Account: account, Amount: amount}
}

func withdrawal(sequence uint64, account string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Sequence: sequence, Clock: 10 + sequence, Kind: ledger.Withdrawal, Account: account, Amount: amount}
}

func transfer(sequence uint64, from, to string, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Sequence: sequence, Clock: 10 + sequence, Kind: ledger.Transfer, Account: from, ToAccount: to, Amount: amount}
}

func grant(sequence uint64, account string, to ledger.BranchID, amount ledger.Amount) ledger.Entry {
	return ledger.Entry{Sequence: sequence, Clock: 10 + sequence, Kind: ledger.Grant, Account: account, ToBranch: to, Amount: amount}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name     string
		branches []ledger.BranchID
		opening  ledger.Amount
		want     string // in the error
	}{
		{"no branch", nil, 0, "at least one branch"},
		{"branch 0", []ledger.BranchID{0, 1}, 0, "at least 1"},
		{"a branch twice", []ledger.BranchID{2, 1, 2}, 0, "twice"},
		{"a negative opening balance", []ledger.BranchID{1}, -1, "negative"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ledger.New(test.branches, test.opening); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestNewSpreadsTheOpeningBalance(t *testing.T) {
	l := newLedger(t, 11, 30, 10, 20)
	want := view{Heads: make([]ledger.Head, 3), Accounts: []accountView{{
		Name: ledger.SharedAccount, Balance: 11, Escrow: []ledger.Amount{4, 4, 3}, Paid: []ledger.Amount{4, 4, 3}, Last: make([]uint64, 3),
	}}}
	if diff := cmp.Diff(want, viewOf(l)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]ledger.BranchID{10, 20, 30}, l.Branches()); diff != "" {
		t.Error(diff)
	}
}

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		opening ledger.Amount
		n       int
		want    []ledger.Amount
	}{
		{0, 3, []ledger.Amount{0, 0, 0}},
		{2, 3, []ledger.Amount{1, 1, 0}},
		{9, 3, []ledger.Amount{3, 3, 3}},
		{400, 1, []ledger.Amount{400}},
		{ledger.MaxAmount, 2, []ledger.Amount{ledger.MaxAmount/2 + 1, ledger.MaxAmount / 2}},
	} {
		if diff := cmp.Diff(test.want, ledger.Spread(test.opening, test.n)); diff != "" {
			t.Errorf("Spread(%d, %d): %s", test.opening, test.n, diff)
		}
	}
}

// Posting moves money and escrow as each kind says.
func TestPost(t *testing.T) {
	l := newLedger(t, 20, 1, 2)
	for _, step := range []struct {
		entry ledger.Entry
		want  ledger.Posted
	}{
		{deposit(1, "shared", 5), ledger.Posted{Balance: 25}},
		{withdrawal(2, "shared", 12), ledger.Posted{Balance: 13}},
		{transfer(3, "shared", "savings", 2), ledger.Posted{Balance: 11, ToBalance: 2}},
		{grant(4, "shared", 2, 1), ledger.Posted{Balance: 11}},
	} {
		got, err := l.Post(0, &step.entry)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: %s", step.entry.Kind, diff)
		}
	}
	want := view{Clock: 14, Heads: []ledger.Head{{Sequence: 4}, {}}, Accounts: []accountView{
		{Name: "savings", Balance: 2, Escrow: []ledger.Amount{2, 0}, Paid: []ledger.Amount{2, 0}, Last: []uint64{3, 0}},
		{Name: "shared", Balance: 11, Escrow: []ledger.Amount{0, 11}, Paid: []ledger.Amount{1, 10}, Last: []uint64{3, 0}},
	}}
	if diff := cmp.Diff(want, viewOf(l)); diff != "" {
		t.Error(diff)
	}
	if err := l.CheckInvariants(); err != nil {
		t.Error(err)
	}
}

// What Post refuses leaves the ledger as it was.
func TestPostRefuses(t *testing.T) {
	long := strings.Repeat("x", ledger.MaxNameBytes+1)
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	escrow := func(err error) bool { var e *ledger.EscrowError; return errors.As(err, &e) }
	limit := func(err error) bool { var e *ledger.LimitError; return errors.As(err, &e) }
	other := func(err error) bool { return err != nil && !escrow(err) && !limit(err) }
	request := deposit(1, "shared", 1)
	request.RequestID = long
	garbled := deposit(1, "shared", 1)
	garbled.RequestID = "\xff"
	strayAccount, strayBranch := deposit(1, "shared", 1), withdrawal(1, "shared", 1)
	strayAccount.ToAccount, strayBranch.ToBranch = "savings", 2
	kind := deposit(1, "shared", 1)
	kind.Kind = 9
	for _, test := range []struct {
		name  string
		entry ledger.Entry
		want  func(error) bool
	}{
		{"no amount", deposit(1, "shared", 0), is(ledger.ErrAmount)},
		{"a negative amount", withdrawal(1, "shared", -1), is(ledger.ErrAmount)},
		{"no kind", ledger.Entry{Sequence: 1, Account: "shared", Amount: 1}, is(ledger.ErrKind)},
		{"an unknown kind", kind, is(ledger.ErrKind)},
		{"no account", deposit(1, "", 1), is(ledger.ErrAccount)},
		{"a long account", deposit(1, long, 1), is(ledger.ErrAccount)},
		{"an account that is not text", deposit(1, "\xff", 1), is(ledger.ErrAccount)},
		{"a long request id", request, is(ledger.ErrRequest)},
		{"a request id that is not text", garbled, is(ledger.ErrRequest)},
		{"a transfer to no account", transfer(1, "shared", "", 1), is(ledger.ErrAccount)},
		{"a transfer to a long account", transfer(1, "shared", long, 1), is(ledger.ErrAccount)},
		{"a transfer to itself", transfer(1, "shared", "shared", 1), is(ledger.ErrSelf)},
		{"a deposit that names a second account", strayAccount, is(ledger.ErrField)},
		{"a withdrawal that names a branch", strayBranch, is(ledger.ErrField)},
		{"a withdrawal over the escrow", withdrawal(1, "shared", 11), escrow},
		{"a withdrawal from an empty account", withdrawal(1, "savings", 1), escrow},
		{"a transfer over the escrow", transfer(1, "shared", "savings", 11), escrow},
		{"a grant over the escrow", grant(1, "shared", 2, 11), escrow},
		{"a grant to itself", grant(1, "shared", 1, 1), other},
		{"a grant to nobody", grant(1, "shared", 0, 1), other},
		{"a grant to a stranger", grant(1, "shared", 3, 1), other},
		{"a gap", deposit(2, "shared", 1), other},
		{"a sequence of 0", deposit(0, "shared", 1), other},
		{"a deposit over the limit", deposit(1, "shared", ledger.MaxAmount/2-9), limit},
		{"the largest deposit", deposit(1, "shared", ledger.MaxAmount), limit},
		{"a transfer over the limit", transfer(1, "shared", "full", 1), limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, 20, 1, 2)
			fill := deposit(1, "full", l.Limit())
			if _, err := l.Post(0, &fill); err != nil {
				t.Fatal(err)
			}
			test.entry.Sequence++ // after that one
			before := viewOf(l)
			if _, err := l.Post(0, &test.entry); !test.want(err) {
				t.Errorf("got the error %v", err)
			}
			if diff := cmp.Diff(before, viewOf(l)); diff != "" {
				t.Errorf("the ledger changed: %s", diff)
			}
		})
	}
}

// Each branch may pay in its share of the largest balance, whatever the
// others do, and no sum overflows.
func TestLimit(t *testing.T) {
	l := newLedger(t, ledger.MaxAmount, 1, 2, 3)
	if err := l.CheckInvariants(); err != nil {
		t.Fatal(err)
	}
	e := withdrawal(1, "shared", 10)
	if _, err := l.Post(1, &e); err != nil {
		t.Fatal(err)
	}
	e = deposit(2, "shared", 11)
	if err := l.CanPay(1, &e); err == nil {
		t.Error("a branch can pay in more than its share")
	}
	e.Amount = 10
	if _, err := l.Post(1, &e); err != nil {
		t.Error(err)
	}
	if got := l.Balance("shared"); got != ledger.MaxAmount {
		t.Errorf("balance %d, want %d", got, ledger.MaxAmount)
	}
	if err := l.CheckInvariants(); err != nil {
		t.Error(err)
	}
}
