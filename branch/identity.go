package branch

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/name"
)

// Which bank a branch belongs to.

// newBankID returns an id that no bank has.
func newBankID() (id ledger.BankID) {
	_, _ = rand.Read(id[:]) // it never fails
	return id
}

// CheckBank reports what is wrong with the name or the id of a bank; an empty
// id stands for any. What a name may have is what that of an account may.
func CheckBank(bank, id string) error {
	err := ledger.CheckBankName(bank)
	if err == nil {
		if err = name.Check(bank); err != nil {
			err = fmt.Errorf("the name of the bank %w", err)
		}
	}
	if err == nil && id != "" {
		_, err = ledger.ParseBankID(id)
	}
	return err
}

// identity returns the owner that the data directory must have. Its branches are
// ascending.
func (c *Config) identity() (journal.Identity, error) {
	branches := make([]ledger.BranchID, 0, len(c.Addresses))
	for id := range c.Addresses {
		branches = append(branches, ledger.BranchID(id))
	}
	slices.Sort(branches)
	id := journal.Identity{Branch: ledger.BranchID(c.ID), Branches: branches, Opening: ledger.Amount(c.Opening), Bank: ledger.Bank{Name: c.Bank}}
	if err := CheckBank(c.Bank, c.BankID); err != nil || c.BankID == "" {
		return id, err
	}
	var err error
	id.Bank.ID, err = ledger.ParseBankID(c.BankID)
	return id, err
}

// CheckData returns the error with which Open would refuse the data directory because
// it belongs to another branch or bank. It changes nothing. A missing directory is
// fine.
func (c *Config) CheckData() error {
	if _, err := os.Stat(c.Dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	checked := c.withDefaults()
	id, err := checked.identity()
	if err == nil {
		err = journal.Check(c.Dir, id, nil)
	}
	if err != nil {
		return fmt.Errorf("branch %d: %w", c.ID, err)
	}
	return nil
}
