package service

import (
	"context"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// mayUse refuses accounts that whoever calls may not use. It is asked before anything is
// looked up, and its text is the same whether the account exists or not.
func mayUse(ctx context.Context, accounts ...string) error {
	who := identity.CallerOf(ctx)
	if who == nil || who.Role != identity.Customer {
		return nil
	}
	for _, name := range accounts {
		if name != "" && !identity.MayUse(ctx, name) {
			return code.Errorf(code.PermissionDenied, "you are %s, and may not use account %q", who, name)
		}
	}
	return nil
}

// onBehalf returns a context for calls to another branch in the name of whoever calls
// here. That branch believes it since this one has proven to be a branch.
func onBehalf(ctx, caller context.Context) context.Context {
	who := identity.CallerOf(caller)
	if who == nil {
		return ctx
	}
	ctx, call := connect.NewClientContext(ctx)
	identity.SetOnBehalfOf(call.RequestHeader(), who)
	return ctx
}

// discretion takes out of answers what a customer must not see of others: their request
// ids, why they were refused, what one list does to other accounts, and alarms, which are
// for operators. Whoever is no customer sees everything.
type discretion struct {
	// customer is who gets the answers; nil for one who may see everything.
	customer *identity.Identity
}

// discretionOf returns the discretion towards whoever calls.
func discretionOf(ctx context.Context) discretion {
	if who := identity.CallerOf(ctx); who != nil && who.Role == identity.Customer {
		return discretion{who}
	}
	return discretion{}
}

// entry changes an entry to what may be seen of it. Columns of a list are replaced and
// not changed: the journal may share them.
func (d discretion) entry(e *bankv1.Entry) {
	if d.customer == nil {
		return
	}
	if e.GetCustomer() != d.customer.Client {
		e.RequestId = ""
	}
	if bulk, ok := e.GetFact().(*bankv1.Entry_Bulk); ok {
		bulk.Bulk = d.bulk(bulk.Bulk)
	}
}

// bulk returns what may be seen of a list: its operations from or to the customer's
// accounts.
func (d discretion) bulk(b *bankv1.Bulk) *bankv1.Bulk {
	accounts := b.GetAccounts()
	mine, left := make([]bool, len(accounts)+1), make([]bool, len(accounts)+1)
	for k, name := range accounts {
		mine[k+1] = d.customer.Accounts.Allow(name)
	}
	var kept []uint32
	for i := range b.GetAmounts() {
		if from, to := at(b.GetFrom(), i), at(b.GetTo(), i); mine[from] || mine[to] {
			kept = append(kept, uint32(i))
			left[from], left[to] = true, true
		}
	}
	out := &bankv1.Bulk{AllOrNone: b.GetAllOrNone(), Insufficient: among(kept, b.GetInsufficient()), Unavailable: among(kept, b.GetUnavailable())}
	place := make([]uint32, len(accounts)+1)
	for k, name := range accounts {
		if left[k+1] {
			out.Accounts = append(out.Accounts, name)
			place[k+1] = uint32(len(out.GetAccounts()))
		}
	}
	for _, i := range kept {
		out.From = append(out.From, place[at(b.GetFrom(), int(i))])
		out.To = append(out.To, place[at(b.GetTo(), int(i))])
		out.Amounts = append(out.Amounts, b.GetAmounts()[i])
	}
	return out
}

// at returns an item of a column, which is empty when all are 0.
func at(column []uint32, i int) uint32 {
	if len(column) == 0 {
		return 0
	}
	return column[i]
}

// among returns the places that operations have among those that are kept.
func among(kept, operations []uint32) (places []uint32) {
	for _, i := range operations {
		if k, ok := slices.BinarySearch(kept, i); ok {
			places = append(places, uint32(k))
		}
	}
	return places
}

// watched returns what may be seen of a message of the feed, which shows it to others too.
func (d discretion) watched(m *bankv1.WatchResponse) *bankv1.WatchResponse {
	if d.customer == nil {
		return m
	}
	m = proto.CloneOf(m)
	for _, r := range m.GetReports() {
		r.Alarms = nil
	}
	for _, e := range m.GetEntries() {
		if e.GetEntry().GetCustomer() != d.customer.Client {
			e.Refusal = ""
		}
		d.entry(e.GetEntry())
	}
	return m
}
