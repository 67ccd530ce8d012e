package survey

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// agreementTimeout is how long the branches may take to agree after a replay.
// Acknowledged writes are applied everywhere already, but a grant may be on its way.
const agreementTimeout = 5 * time.Second

// Agreement says whether the branches of a bank agree.
type Agreement struct {
	// Views are the different views, the most common first. There is one if all
	// agree.
	Views []View
	// Lost are the branches that gave no answer.
	Lost []Answer
	// Alarms are those of all branches.
	Alarms []string
}

// View is how some branches see the bank.
type View struct {
	// Branches are those with this view.
	Branches []uint32
	// Entries counts the entries that are applied, over all journals.
	Entries uint64
	// Accounts has the balances, and truncated says that there are more of them.
	Accounts  []*bankv1.AccountStatus
	truncated bool
	// mark is the same for two branches only if their views are.
	mark string
}

// Reached reports whether all branches answered, agree and have no alarms.
func (a *Agreement) Reached() bool {
	return len(a.Views) == 1 && len(a.Lost) == 0 && len(a.Alarms) == 0
}

// Agree asks all branches for their views until those that answer agree, or time runs
// out.
func (s *Survey) Agree(ctx context.Context) *Agreement {
	answers, _ := s.Until(ctx, agreementTimeout, func(answers []Answer) bool {
		return len(Compare(answers).Views) <= 1
	})
	return Compare(answers)
}

// Compare sorts the answers of the branches by their views.
func Compare(answers []Answer) *Agreement {
	a := &Agreement{}
	views := make(map[string]*View)
	for _, answer := range answers {
		if answer.Err != nil {
			a.Lost = append(a.Lost, answer)
			continue
		}
		for _, alarm := range answer.Status.GetAlarms() {
			a.Alarms = append(a.Alarms, fmt.Sprintf("branch %d: %s", answer.Branch, alarm))
		}
		seen := newView(answer.Status)
		if views[seen.mark] == nil {
			views[seen.mark] = seen
		}
		same := views[seen.mark]
		same.Branches = append(same.Branches, answer.Branch)
	}
	for _, v := range slices.SortedFunc(maps.Values(views), func(v, w *View) int {
		if len(v.Branches) != len(w.Branches) {
			return len(w.Branches) - len(v.Branches)
		}
		return strings.Compare(v.mark, w.mark)
	}) {
		a.Views = append(a.Views, *v)
	}
	return a
}

// newView returns the view of a branch.
func newView(status *bankv1.GetStatusResponse) *View {
	v := &View{Accounts: status.GetAccounts(), truncated: status.GetAccountsTruncated()}
	var mark strings.Builder
	for _, p := range status.GetApplied() {
		v.Entries += p.GetSequence()
		fmt.Fprintf(&mark, "%d:%d:%s ", p.GetBranch(), p.GetSequence(), hex.EncodeToString(p.GetHash()))
	}
	for _, account := range status.GetAccounts() {
		fmt.Fprintf(&mark, "%q:%d ", account.GetAccount(), account.GetBalance())
	}
	v.mark = mark.String()
	return v
}
