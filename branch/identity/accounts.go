package identity

import (
	"fmt"
	"strings"

	"passbook.example/passbook/branch/name"
)

// MaxAccounts bounds the accounts that an identity names. More go by their prefix.
const MaxAccounts = 64

// Accounts are those that a customer may use: each by its name, or all that begin with
// what stands before a * at the end, as in "shop-*". One * alone stands for all.
type Accounts []string

// Allow reports whether an account is among them. An account is named as the bank knows
// it: never by an empty name.
func (a Accounts) Allow(account string) bool {
	for _, pattern := range a {
		if prefix, isPrefix := strings.CutSuffix(pattern, "*"); pattern == account || isPrefix && strings.HasPrefix(account, prefix) {
			return true
		}
	}
	return false
}

// check reports what is wrong with them.
func (a Accounts) check() error {
	if len(a) > MaxAccounts {
		return fmt.Errorf("it names %d accounts, and %d are allowed at most: name several by a prefix, such as shop-*", len(a), MaxAccounts)
	}
	for _, pattern := range a {
		if pattern == "" {
			return fmt.Errorf("an account without a name is nobody's; the shared one is %q", "shared")
		}
		// A prefix may end with a blank, as no name does.
		if err := name.Check(strings.TrimRight(strings.TrimSuffix(pattern, "*"), " ")); err != nil {
			return fmt.Errorf("account %w", err)
		}
	}
	return nil
}
