package main

import (
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// window is the time between two checks. At its beginning and its end the
// customers were quiet and all branches had applied the same.
type window struct {
	from, until time.Duration
	// start and end are how far the journals went.
	start, end positions
	// balances are those at the beginning.
	balances map[string]int64
}

// step is what an operation does to an account.
type step struct {
	// what is one of the constants below.
	what   stepKind
	name   string
	amount int64
	// bit is the place of a write that is not in the journals among those that
	// may have gone with a disk.
	bit int
}

type stepKind int

const (
	// changes adds amount, which may be negative, to the balance.
	changes stepKind = iota
	// reads finds the balance to be amount.
	reads
	// refuses finds the balance to be below amount.
	refuses
	// perhaps adds amount, unless the disk is gone already.
	perhaps
	// forgets takes back what perhaps had added: the disk is gone.
	forgets
)

// ledgerState is an account in the model.
type ledgerState struct {
	balance int64
	// held are the steps perhaps that took effect; gone says that the disk is.
	held uint64
	gone bool
}

// accountModel is an account that changes at one moment for each operation. A
// balance is never negative; a refusal needs a balance below the amount.
func accountModel(balance int64, unsure []int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return ledgerState{balance: balance} },
		Step: func(state, input, _ any) (bool, any) {
			s, in := state.(ledgerState), input.(step)
			switch in.what {
			case reads:
				return s.balance == in.amount, s
			case refuses:
				return s.balance < in.amount, s
			case perhaps:
				if s.gone {
					return true, s
				}
				s.held |= 1 << in.bit
				s.balance += in.amount
			case forgets:
				for i, amount := range unsure {
					if s.held&(1<<i) != 0 {
						s.balance -= amount
					}
				}
				s.held, s.gone = 0, true
			default:
				s.balance += in.amount
			}
			return s.balance >= 0, s
		},
		DescribeOperation: func(input, _ any) string { return describe(input.(step)) },
	}
}

func describe(s step) string {
	switch s.what {
	case reads:
		return fmt.Sprintf("%s: %d", s.name, s.amount)
	case refuses:
		return fmt.Sprintf("%s: less than %d", s.name, s.amount)
	case forgets:
		return "disk gone"
	}
	return fmt.Sprintf("%s: %+d", s.name, s.amount)
}
