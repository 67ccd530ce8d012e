package api

import (
	"time"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
)

// CallTimeout is how long a call waits when it names no deadline.
const CallTimeout = 10 * time.Second

// AccountName gives an empty account its name.
func AccountName(name string) string {
	if name == "" {
		return ledger.SharedAccount
	}
	return name
}

// CheckName checks what customers and peers name: accounts and request ids.
func CheckName(field, text string) error {
	if err := name.Check(text); err != nil {
		return Fieldf(field, "%v", err)
	}
	return nil
}
