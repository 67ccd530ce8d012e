package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// entry is an entry as a branch lists it.
type entry struct {
	Receipt   receipt
	Clock     uint64
	Customer  int64
	RequestID string
	// Kind is empty for a grant.
	Kind        kind
	Account, To string
	Amount      int64
	// List is what a list asked for, in that order; nil for all else.
	List *list
}

// list is a list as it is recorded.
type list struct {
	Operations []operation
	Refused    refusals
}

// same says whether two branches list the same.
func (e entry) same(f entry) bool {
	l, m := e.List, f.List
	e.List, f.List = nil, nil
	return e == f && (l == nil) == (m == nil) && (l == nil || slices.Equal(l.Operations, m.Operations) && l.Refused.same(&m.Refused))
}

func (e entry) String() string {
	l := e.List
	e.List = nil
	type plain entry
	if l == nil {
		return fmt.Sprintf("%+v", plain(e))
	}
	return fmt.Sprintf("%+v with %+v, %v", plain(e), l.Operations, l.Refused)
}

// done are the operations that the entry carried out.
func (e *entry) done() []operation {
	switch {
	case e.Kind == "":
		return nil
	case e.List != nil:
		return e.List.Refused.done(e.List.Operations)
	}
	return []operation{{e.Kind, e.Account, e.To, e.Amount}}
}

// shortfall returns below which amount an account's balance was, since
// operations of a list were refused for that.
func (e *entry) shortfall(account string) (int64, bool) {
	if e.List == nil {
		return 0, false
	}
	need, ok := e.List.Refused.shortfalls(e.List.Operations)[account]
	return need, ok
}

// touches says whether the entry is in an account's statement: it has changed
// the balance, if only to and fro.
func (e *entry) touches(account string) bool {
	return slices.ContainsFunc(e.done(), func(o operation) bool { return o.change(account) != 0 })
}

// line is an entry of a statement, with the balance after it.
type line struct {
	entry
	Balance int64
}

// testimony is what one branch tells when it is asked about everything.
type testimony struct {
	branch uint32
	status *bankv1.GetStatusResponse
	// journals are the journals of all branches, as this one lists them.
	journals map[uint32][]entry
	// statements are those of all accounts, balances the answers to queries.
	statements map[string][]line
	balances   map[string]int64
}

// evidence is what all branches tell.
type evidence struct {
	at       time.Duration
	branches map[uint32]*testimony
}

// reader asks a branch about everything.
type reader struct {
	branch uint32
	client bankv1connect.BranchServiceClient
	// accounts are those whose statements are asked for.
	accounts []string
}

// gather asks all branches, at once.
func gather(ctx context.Context, c clients, accounts []string, at time.Duration) (*evidence, error) {
	ev := &evidence{at: at, branches: map[uint32]*testimony{}}
	var (
		mu   sync.Mutex
		errs []error
		all  sync.WaitGroup
	)
	for _, id := range branchIDs {
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

func (r *reader) testify(ctx context.Context) (*testimony, error) {
	t := &testimony{branch: r.branch, journals: map[uint32][]entry{}, statements: map[string][]line{}, balances: map[string]int64{}}
	for _, id := range branchIDs {
		lines, err := r.list(ctx, &bankv1.ListEntriesRequest{Branch: id})
		if err != nil {
			return nil, fmt.Errorf("journal of branch %d: %w", id, err)
		}
		for _, l := range lines {
			t.journals[id] = append(t.journals[id], l.entry)
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
		t.balances[name] = res.GetBalance()
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
			lines = append(lines, line{entryOf(e), e.GetBalance()})
		}
		if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
			return lines, nil
		}
	}
}

// sharedAccount is how the branches call the account without a name.
const sharedAccount = "shared"

func entryOf(l *bankv1.ListedEntry) entry {
	e := l.GetEntry()
	out := entry{Receipt: receiptOf(l.GetReceipt()), Clock: e.GetClock(), Customer: e.GetCustomerId(), RequestID: e.GetRequestId()}
	switch {
	case e.GetDeposit() != nil:
		out.Kind, out.Account, out.Amount = deposit, e.GetDeposit().GetAccount(), e.GetDeposit().GetAmount()
	case e.GetWithdrawal() != nil:
		out.Kind, out.Account, out.Amount = withdraw, e.GetWithdrawal().GetAccount(), e.GetWithdrawal().GetAmount()
	case e.GetTransfer() != nil:
		t := e.GetTransfer()
		out.Kind, out.Account, out.To, out.Amount = transfer, t.GetFromAccount(), t.GetToAccount(), t.GetAmount()
	case e.GetBulk() != nil:
		out.Kind, out.List = listOf(e.GetBulk())
	case e.GetGrant() != nil:
		out.Account, out.Amount = e.GetGrant().GetAccount(), e.GetGrant().GetAmount()
	}
	out.Account, out.To = nameless(out.Account), nameless(out.To)
	return out
}

// listOf reads the columns of a list.
func listOf(b *bankv1.Bulk) (kind, *list) {
	l := &list{Refused: refusals{b.GetInsufficient(), b.GetUnavailable()}}
	name := func(column []uint32, i int) (string, bool) {
		if i >= len(column) || column[i] == 0 {
			return "", false
		}
		return nameless(b.GetAccounts()[column[i]-1]), true
	}
	for i, amount := range b.GetAmounts() {
		from, pays := name(b.GetFrom(), i)
		to, paid := name(b.GetTo(), i)
		o := operation{Kind: transfer, Account: from, To: to, Amount: amount}
		switch {
		case !pays:
			o.Kind, o.Account, o.To = deposit, to, ""
		case !paid:
			o.Kind = withdraw
		}
		l.Operations = append(l.Operations, o)
	}
	if b.GetAllOrNone() {
		return allOrNone, l
	}
	return eachAlone, l
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

// applied is how far the branch has applied every journal.
func (t *testimony) applied() positions { return appliedOf(t.status) }

func appliedOf(s *bankv1.GetStatusResponse) positions {
	p := positions{}
	for _, at := range s.GetApplied() {
		p[at.GetBranch()] = at.GetSequence()
	}
	return p
}

// settle waits until all branches have applied the same and it stays so, and
// returns that.
func settle(ctx context.Context, c clients) (positions, error) {
	var last positions
	for same := 0; same < 3; {
		now, err := common(ctx, c)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the branches don't come to agree on what they have applied: %w", errors.Join(err, context.Cause(ctx)))
		}
		if err == nil && last.covers(now) && now.covers(last) {
			same++
		} else {
			same = 0
		}
		last = now
		pause(50*time.Millisecond, ctx.Done())
	}
	return last, nil
}

// common returns what all branches have applied, or an error that says where
// they differ.
func common(ctx context.Context, c clients) (positions, error) {
	var first positions
	for _, id := range branchIDs {
		s, err := status(ctx, c[id])
		if err != nil {
			return nil, fmt.Errorf("status of branch %d: %w", id, err)
		}
		p := appliedOf(s)
		if first == nil {
			first = p
		}
		if !p.covers(first) || !first.covers(p) {
			return nil, fmt.Errorf("branch %d has applied %v, branch %d %v", branchIDs[0], first, id, p)
		}
	}
	return first, nil
}

// status asks a branch how it is, with little patience.
func status(ctx context.Context, c bankv1connect.BranchServiceClient) (*bankv1.GetStatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.GetStatus(ctx, &bankv1.GetStatusRequest{})
}
