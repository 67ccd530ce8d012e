package api

import (
	"errors"
	"slices"
	"strings"

	"passbook.example/passbook/branch/ledger"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// OperationsFromProto takes the columns of a list, and puts its accounts in
// order.
func OperationsFromProto(req *bankv1.SubmitRequest) (*ledger.Operations, error) {
	n := len(req.GetAmounts())
	if n == 0 || n > ledger.MaxOperations {
		return nil, Fieldf("amounts", "a list has 1 to %d operations, this one has %d", ledger.MaxOperations, n)
	}
	o := &ledger.Operations{Amounts: make([]ledger.Amount, n), AllOrNone: req.GetAllOrNone()}
	for i, a := range req.GetAmounts() {
		o.Amounts[i] = ledger.Amount(a)
	}
	names, place, err := placeAccounts(req.GetAccounts(), n)
	if err != nil {
		return nil, err
	}
	o.Accounts = names
	if o.From, err = placeColumn("from", req.GetFrom(), n, place); err != nil {
		return nil, err
	}
	if o.To, err = placeColumn("to", req.GetTo(), n, place); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, fieldOfOperations(o, err)
	}
	return o, nil
}

// placeAccounts returns the names of the accounts in order, and where each of
// the given ones is, from index 1 on; no places where they are in order. A list
// of n operations names two for each at most.
func placeAccounts(given []string, n int) (names []string, place []uint32, err error) {
	if len(given) == 0 {
		return []string{AccountName("")}, nil, nil
	}
	if len(given) > 2*n {
		return nil, nil, Fieldf("accounts", "a list names at most two for each operation, %d for %d operations, and this one names %d", 2*n, n, len(given))
	}
	names = make([]string, len(given))
	for i, name := range given {
		if names[i] = AccountName(name); CheckName("accounts", name) != nil {
			return nil, nil, CheckName("accounts", name)
		}
	}
	if slices.IsSorted(names) {
		return names, nil, checkOnce(names)
	}
	order := make([]uint32, len(names))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(names[a], names[b]) })
	sorted := make([]string, len(names))
	place = make([]uint32, len(names)+1)
	for at, i := range order {
		sorted[at], place[i+1] = names[i], uint32(at+1)
	}
	return sorted, place, checkOnce(sorted)
}

func checkOnce(sorted []string) error {
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return Fieldf("accounts", "%q is there twice", sorted[i])
		}
	}
	return nil
}

// placeColumn returns a column of n places, put where the accounts are now.
func placeColumn(field string, given []uint32, n int, place []uint32) ([]uint32, error) {
	if len(given) == 0 {
		return make([]uint32, n), nil
	}
	if len(given) != n {
		return nil, Fieldf(field, "must have one place for each amount; it has %d, and there are %d amounts", len(given), n)
	}
	if place == nil {
		return given, nil
	}
	column := make([]uint32, n)
	for i, at := range given {
		if int(at) >= len(place) {
			return nil, Fieldf(field, "operation %d names account %d of %d", i, at, len(place)-1)
		}
		column[i] = place[at]
	}
	return column, nil
}

// fieldOfOperations names the field that an error of their check is about.
func fieldOfOperations(o *ledger.Operations, err error) error {
	field := "amounts"
	switch {
	case errors.Is(err, ledger.ErrAccount):
		field = "accounts"
	case errors.Is(err, ledger.ErrOperations) && int(slices.Max(o.From)) > len(o.Accounts):
		field = "from"
	case errors.Is(err, ledger.ErrSelf), errors.Is(err, ledger.ErrOperations):
		field = "to"
	}
	return &InputError{Field: field, Problem: err.Error()}
}
