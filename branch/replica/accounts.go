package replica

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	bankv1 "passbook.example/passbook/gen/bank/v1"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// AccountsError refuses a write that would open more accounts than there may be at
// this branch. Nothing was recorded.
type AccountsError struct {
	// Account is new here, the first of Opens.
	Account string
	Opens   int
	// Accounts is how many there are, Limit how many there may be.
	Accounts, Limit int
}

func (e *AccountsError) Error() string {
	what := fmt.Sprintf("account %q is new here", e.Account)
	if e.Opens > 1 {
		what = fmt.Sprintf("%d accounts are new here, account %q first", e.Opens, e.Account)
	}
	return fmt.Sprintf("%s, and this branch has %d accounts of the %d that it may open: use accounts that are there, or have its operator raise --max-accounts", what, e.Accounts, e.Limit)
}

// Code returns resource_exhausted.
func (e *AccountsError) Code() code.Code { return code.ResourceExhausted }

// Detail returns the figures as the API has them.
func (e *AccountsError) Detail() proto.Message {
	return &bankv1.TooManyAccounts{Account: e.Account, Opens: int64(e.Opens), Accounts: int64(e.Accounts), Limit: int64(e.Limit)}
}

// mayOpen refuses a write that would open an account too many. What this Ready has
// opened counts. Entries of peers are not asked: they are recorded.
func (d *desk) mayOpen(e *ledger.Entry) error {
	most := d.cfg.MaxAccounts
	if most == 0 || d.ledger.Count()+2*ledger.MaxOperations <= most {
		return nil
	}
	opens, first := d.ledger.Opens(e)
	if opens == 0 || d.ledger.Count()+opens <= most {
		return nil
	}
	return &AccountsError{Account: first, Opens: opens, Accounts: d.ledger.Count(), Limit: most}
}
