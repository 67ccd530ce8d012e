package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// Window is the time between two checks. At its beginning and its end the
// customers were quiet and all branches had applied the same.
type Window struct {
	// From and Until are its ends.
	From, Until time.Duration
	// Start and end are how far the journals went.
	Start, End history.Positions
	// Balances are those at the beginning.
	Balances map[string]int64
}

// step is what an operation does to an account.
type step struct {
	// what is one of the constants below.
	what stepKind
	// name is for pictures.
	name string
	// amount is what reads and refuses are about.
	amount int64
	// effects are what changes and perhaps do: one of them.
	effects []history.Effect
	// verdict is a bit of its own for a list of which operations were refused
	// before the others changed the account; 0 for all else.
	verdict uint64
}

// does says whether the step has an effect.
func (s *step) does() bool {
	return slices.ContainsFunc(s.effects, func(e history.Effect) bool { return e != history.Effect{} })
}

type stepKind int

// maxVerdicts is how many lists have a bit of their own. Of more than that in
// one window it is not checked that the refusal came first.
const maxVerdicts = 64

const (
	// changes has an effect on the balance.
	changes stepKind = iota
	// reads finds the balance to be amount.
	reads
	// refuses finds the balance to be below amount.
	refuses
	// perhaps has an effect, unless the disk is gone already.
	perhaps
	// forgets takes back what perhaps had added: the disk is gone.
	forgets
)

// ledgerState is an account in the model.
type ledgerState struct {
	// balance is what the account holds.
	balance int64
	// held is what the steps perhaps have added; gone says that the disk is.
	held int64
	gone bool
	// given are the verdicts on lists that have not changed the account yet.
	given uint64
}

// accountModel is an account that changes at one moment for each operation. A
// balance is never negative, nor is it between the operations of a list; a
// refusal needs a balance below the amount. Which operations of a list that
// went with a disk had been carried out, nobody may have been told: the state of
// the model is the set of all that the account may be.
func accountModel(balance int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return []ledgerState{{balance: balance}} },
		Step: func(state, input, _ any) (bool, any) {
			in := input.(step)
			var after []ledgerState
			for _, s := range state.([]ledgerState) {
				after = append(after, s.after(&in)...)
			}
			slices.SortFunc(after, compareStates)
			after = slices.Compact(after)
			return len(after) > 0, after
		},
		Equal:             func(a, b any) bool { return slices.Equal(a.([]ledgerState), b.([]ledgerState)) },
		DescribeOperation: func(input, _ any) string { return describe(input.(step)) },
	}
}

// compareStates orders the states that may be at one moment: of them, the disk
// is gone in all or none, and the same verdicts are given.
func compareStates(a, b ledgerState) int {
	return cmp.Or(cmp.Compare(a.balance, b.balance), cmp.Compare(a.held, b.held))
}

// after returns what may come of a state; nothing when the step can't be.
func (s ledgerState) after(in *step) []ledgerState {
	switch {
	case in.what == reads && s.balance != in.amount, in.what == refuses && s.balance >= in.amount:
		return nil
	case in.what == changes && s.given&in.verdict != in.verdict:
		return nil
	case in.what == refuses:
		s.given |= in.verdict
		return []ledgerState{s}
	case in.what == reads, in.what == perhaps && s.gone:
		return []ledgerState{s}
	case in.what == forgets:
		if s.balance < s.held {
			return nil
		}
		return []ledgerState{{balance: s.balance - s.held, gone: true, given: s.given}}
	}
	var all []ledgerState
	for _, e := range in.effects {
		if s.balance+e.Low < 0 {
			continue
		}
		t := ledgerState{s.balance + e.Net, s.held, s.gone, s.given &^ in.verdict}
		if in.what == perhaps {
			t.held += e.Net
		}
		all = append(all, t)
	}
	return all
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
	return fmt.Sprintf("%s: %+v", s.name, s.effects)
}
