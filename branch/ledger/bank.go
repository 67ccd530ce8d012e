package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// BankID distinguishes a bank from every other one. It is made at random when the
// bank is founded; zero stands for none.
type BankID [16]byte

// String implements fmt.Stringer.
func (id BankID) String() string { return hex.EncodeToString(id[:]) }

// ParseBankID reads what String returns.
func ParseBankID(s string) (BankID, error) {
	var id BankID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || BankID(b) == id {
		return id, fmt.Errorf("%q is no bank id: it has %d hexadecimal digits, not all of them 0", s, 2*len(id))
	}
	return BankID(b), nil
}

// Bank is the bank that a branch belongs to.
type Bank struct {
	// Name is what the operators call the bank.
	Name string
	// ID is zero until the branch has agreed to one.
	ID BankID
	// Founded says that the id is final. Until then the founding branch may propose
	// another one.
	Founded bool
}

// String implements fmt.Stringer.
func (b Bank) String() string {
	switch {
	case b.ID == BankID{}:
		return fmt.Sprintf("bank %q, which is not founded yet", b.Name)
	case !b.Founded:
		return fmt.Sprintf("bank %q (id %v, not founded yet)", b.Name, b.ID)
	}
	return fmt.Sprintf("bank %q (id %v)", b.Name, b.ID)
}

// ErrBankName refuses the name of a bank.
var ErrBankName = fmt.Errorf("the name of a bank must have 1 to %d bytes of UTF-8, none of them a control character", MaxNameBytes)

// CheckBankName reports what is wrong with the name of a bank.
func CheckBankName(name string) error {
	if name == "" || len(name) > MaxNameBytes || !utf8.ValidString(name) {
		return ErrBankName
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return ErrBankName
		}
	}
	return nil
}

// Genesis returns the hash that the first batch of every journal of a bank follows,
// as if it were a batch. So no batch of another bank fits, from the first one on.
// The branches must be ascending.
func (b Bank) Genesis(branches []BranchID, opening Amount) Hash {
	text := []byte("passbook genesis 1\n")
	text = binary.BigEndian.AppendUint32(text, uint32(len(b.Name)))
	text = append(append(text, b.Name...), b.ID[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(opening))
	for _, id := range branches {
		text = binary.BigEndian.AppendUint32(text, uint32(id))
	}
	return sha256.Sum256(text)
}

// errFounded refuses to found a bank anew.
var errFounded = errors.New("a bank that has entries can't be founded")

// Found makes every journal begin at the genesis of the bank. It returns an error,
// and the ledger is unchanged, when entries were posted that follow another one.
func (l *Ledger) Found(genesis Hash) error {
	for i := range l.heads {
		if l.heads[i].Sequence > 0 && l.genesis != genesis {
			return errFounded
		}
	}
	l.genesis = genesis
	for i := range l.heads {
		if l.heads[i].Sequence == 0 {
			l.heads[i].Hash = genesis
		}
	}
	return nil
}
