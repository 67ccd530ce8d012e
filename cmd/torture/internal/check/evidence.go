package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Entry is an entry as a branch lists it.
type Entry struct {
	// Receipt is its place, Clock its Lamport time.
	Receipt history.Receipt
	Clock   uint64
	// Customer is who asked for it, RequestID under which id.
	Customer  int64
	RequestID string
	// Kind is empty for a grant.
	Kind history.Kind
	// Account, To and Amount are as in a write.
	Account, To string
	Amount      int64
	// List is what a list asked for, in that order; nil for all else.
	List *List
}

// List is a list as it is recorded.
type List struct {
	// Operations are what was asked for, Refused those not carried out.
	Operations []history.Operation
	Refused    history.Refusals
}

// same says whether two branches list the same.
func (e Entry) same(f Entry) bool {
	l, m := e.List, f.List
	e.List, f.List = nil, nil
	return e == f && (l == nil) == (m == nil) && (l == nil || slices.Equal(l.Operations, m.Operations) && l.Refused.Same(&m.Refused))
}

// String implements fmt.Stringer.
func (e Entry) String() string {
	l := e.List
	e.List = nil
	type plain Entry
	if l == nil {
		return fmt.Sprintf("%+v", plain(e))
	}
	return fmt.Sprintf("%+v with %+v, %v", plain(e), l.Operations, l.Refused)
}

// Done are the operations that the entry carried out.
func (e *Entry) Done() []history.Operation {
	switch {
	case e.Kind == "":
		return nil
	case e.List != nil:
		return e.List.Refused.Done(e.List.Operations)
	}
	return []history.Operation{{Kind: e.Kind, Account: e.Account, To: e.To, Amount: e.Amount}}
}

// shortfall returns below which amount an account's balance was, since
// operations of a list were refused for that.
func (e *Entry) shortfall(account string) (int64, bool) {
	if e.List == nil {
		return 0, false
	}
	need, ok := e.List.Refused.Shortfalls(e.List.Operations)[account]
	return need, ok
}

// touches says whether the entry is in an account's statement: it has changed
// the balance, if only to and fro.
func (e *Entry) touches(account string) bool {
	return slices.ContainsFunc(e.Done(), func(o history.Operation) bool { return o.Change(account) != 0 })
}

// line is an entry of a statement, with the balance after it.
type line struct {
	Entry
	// Balance is what the branch says that the account held then.
	Balance int64
}

// Testimony is what one branch tells when it is asked about everything.
type Testimony struct {
	// branch is who tells, status how it says it is.
	branch uint32
	status *bankv1.GetStatusResponse
	// Journals are the journals of all branches, as this one lists them.
	Journals map[uint32][]Entry
	// statements are those of all accounts, balances the answers to queries.
	statements map[string][]line
	Balances   map[string]int64
}

// Evidence is what all branches tell.
type Evidence struct {
	// at is when it was gathered.
	at time.Duration
	// branches are what each of them told.
	branches map[uint32]*Testimony
}

// reader asks a branch about everything.
type reader struct {
	// branch is the one that client asks.
	branch uint32
	client bankv1connect.BranchServiceClient
	// accounts are those whose statements are asked for.
	accounts []string
}

// Gather asks all branches, at once.
func Gather(ctx context.Context, c map[uint32]bankv1connect.BranchServiceClient, accounts []string, at time.Duration) (*Evidence, error) {
	ev := &Evidence{at: at, branches: map[uint32]*Testimony{}}
	var (
		mu   sync.Mutex
		errs []error
		all  sync.WaitGroup
	)
	for _, id := range history.BranchIDs {
		all.Go(func() {
			t, err := (&reader{branch: id, client: c[id], accounts: accounts}).testify(ctx)
			mu.Lock()
			defer mu.Unlock()
			ev.branches[id] = t
			errs = append(errs, err)
		})
	}
	all.Wait()
	return ev, errors.Join(errs...)
}

func (r *reader) testify(ctx context.Context) (*Testimony, error) {
	t := &Testimony{branch: r.branch, Journals: map[uint32][]Entry{}, statements: map[string][]line{}, Balances: map[string]int64{}}
	for _, id := range history.BranchIDs {
		lines, err := r.list(ctx, &bankv1.ListEntriesRequest{Branch: id})
		if err != nil {
			return nil, fmt.Errorf("journal of branch %d: %w", id, err)
		}
		for _, l := range lines {
			t.Journals[id] = append(t.Journals[id], l.Entry)
		}
	}
	var err error
	for _, name := range r.accounts {
		if t.statements[name], err = r.list(ctx, &bankv1.ListEntriesRequest{Account: name}); err != nil {
			return nil, fmt.Errorf("statement of account %q: %w", name, err)
		}
		res, err := r.client.Query(ctx, &bankv1.QueryRequest{Account: name})
		if err != nil {
			return nil, fmt.Errorf("query account %q at branch %d: %w", name, r.branch, err)
		}
		t.Balances[name] = res.GetBalance()
	}
	t.status, err = r.client.GetStatus(ctx, &bankv1.GetStatusRequest{})
	return t, err
}

// list reads all pages of a listing.
func (r *reader) list(ctx context.Context, req *bankv1.ListEntriesRequest) ([]line, error) {
	var lines []line
	req.PageSize = 1000
	for {
		page, err := r.client.ListEntries(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("listing at branch %d: %w", r.branch, err)
		}
		for _, e := range page.GetEntries() {
			lines = append(lines, line{Entry: entryOf(e), Balance: e.GetBalance()})
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return lines, nil
		}
	}
}

// sharedAccount is how the branches call the account without a name.
const sharedAccount = "shared"

func entryOf(l *bankv1.ListedEntry) Entry {
	e := l.GetEntry()
	out := Entry{Receipt: history.ReceiptOf(l.GetReceipt()), Clock: e.GetClock(), Customer: e.GetCustomerId(), RequestID: e.GetRequestId()}
	switch {
	case e.GetDeposit() != nil:
		out.Kind, out.Account, out.Amount = history.Deposit, e.GetDeposit().GetAccount(), e.GetDeposit().GetAmount()
	case e.GetWithdrawal() != nil:
		out.Kind, out.Account, out.Amount = history.Withdraw, e.GetWithdrawal().GetAccount(), e.GetWithdrawal().GetAmount()
	case e.GetTransfer() != nil:
		t := e.GetTransfer()
		out.Kind, out.Account, out.To, out.Amount = history.Transfer, t.GetFromAccount(), t.GetToAccount(), t.GetAmount()
	case e.GetBulk() != nil:
		out.Kind, out.List = ListOf(e.GetBulk())
	case e.GetGrant() != nil:
		out.Account, out.Amount = e.GetGrant().GetAccount(), e.GetGrant().GetAmount()
	}
	out.Account, out.To = nameless(out.Account), nameless(out.To)
	return out
}

// ListOf reads the columns of a list.
func ListOf(b *bankv1.Bulk) (history.Kind, *List) {
	l := &List{Refused: history.Refusals{Insufficient: b.GetInsufficient(), Unavailable: b.GetUnavailable()}}
	name := func(column []uint32, i int) (string, bool) {
		if i >= len(column) || column[i] == 0 {
			return "", false
		}
		return nameless(b.GetAccounts()[column[i]-1]), true
	}
	for i, amount := range b.GetAmounts() {
		from, pays := name(b.GetFrom(), i)
		to, paid := name(b.GetTo(), i)
		o := history.Operation{Kind: history.Transfer, Account: from, To: to, Amount: amount}
		switch {
		case !pays:
			o.Kind, o.Account, o.To = history.Deposit, to, ""
		case !paid:
			o.Kind = history.Withdraw
		}
		l.Operations = append(l.Operations, o)
	}
	if b.GetAllOrNone() {
		return history.AllOrNone, l
	}
	return history.EachAlone, l
}

// nameless gives the shared account the empty name that customers use.
func nameless(account string) string {
	if account == sharedAccount {
		return ""
	}
	return account
}

// named gives it the name that the branches use.
func named(account string) string {
	if account == "" {
		return sharedAccount
	}
	return account
}

// Applied is how far the branch has applied every journal.
func (t *Testimony) Applied() history.Positions { return AppliedOf(t.status) }

// AppliedOf returns how far a status says that each journal is applied.
func AppliedOf(s *bankv1.GetStatusResponse) history.Positions {
	p := history.Positions{}
	for _, at := range s.GetApplied() {
		p[at.GetBranch()] = at.GetSequence()
	}
	return p
}

// Settle waits until all branches have applied the same and it stays so, and
// returns that.
func Settle(ctx context.Context, c map[uint32]bankv1connect.BranchServiceClient) (history.Positions, error) {
	var last history.Positions
	for same := 0; same < 3; {
		now, err := Common(ctx, c)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the branches don't come to agree on what they have applied: %w", errors.Join(err, context.Cause(ctx)))
		}
		if err == nil && last.Covers(now) && now.Covers(last) {
			same++
		} else {
			same = 0
		}
		last = now
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return last, nil
}

// Common returns what all branches have applied, or an error that says where
// they differ.
func Common(ctx context.Context, c map[uint32]bankv1connect.BranchServiceClient) (history.Positions, error) {
	var first history.Positions
	for _, id := range history.BranchIDs {
		s, err := Status(ctx, c[id])
		if err != nil {
			return nil, fmt.Errorf("status of branch %d: %w", id, err)
		}
		p := AppliedOf(s)
		if first == nil {
			first = p
		}
		if !p.Covers(first) || !first.Covers(p) {
			return nil, fmt.Errorf("branch %d has applied %v, branch %d %v", history.BranchIDs[0], first, id, p)
		}
	}
	return first, nil
}

// Status asks a branch how it is, with little patience.
func Status(ctx context.Context, c bankv1connect.BranchServiceClient) (*bankv1.GetStatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.GetStatus(ctx, &bankv1.GetStatusRequest{})
}
