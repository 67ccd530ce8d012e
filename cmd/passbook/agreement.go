package main

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
// What was acknowledged is applied everywhere already; a grant may be on its
// way.
const agreementTimeout = 5 * time.Second

// agreement is what the branches of a bank hold, compared.
type agreement struct {
	// views are the different ones that were found, the most common first.
	// Branches that agree have one.
	views []view
	// lost are the branches that gave no answer.
	lost []answer
	// alarms are what the branches say needs an operator.
	alarms []string
}

// view is what some branches hold.
type view struct {
	branches []uint32
	// entries is how many entries are applied, over all journals.
	entries uint64
	// balances is by account, and truncated says that there are more of them.
	accounts  []*bankv1.AccountStatus
	truncated bool
	// mark is the same for two branches only if they hold the same.
	mark string
}

// reached says whether all branches answered, hold the same and have no
// alarms.
func (a *agreement) reached() bool {
	return len(a.views) == 1 && len(a.lost) == 0 && len(a.alarms) == 0
}

// agree asks all branches what they hold until those that answer hold the
// same, or time runs out.
func (s *survey) agree(ctx context.Context) *agreement {
	answers, _ := s.until(ctx, agreementTimeout, func(answers []answer) bool {
		return len(compare(answers).views) <= 1
	})
	return compare(answers)
}

// compare sorts the answers of the branches by what they hold.
func compare(answers []answer) *agreement {
	a := &agreement{}
	views := make(map[string]*view)
	for _, answer := range answers {
		if answer.err != nil {
			a.lost = append(a.lost, answer)
			continue
		}
		for _, alarm := range answer.status.GetAlarms() {
			a.alarms = append(a.alarms, fmt.Sprintf("branch %d: %s", answer.branch, alarm))
		}
		seen := newView(answer.status)
		if views[seen.mark] == nil {
			views[seen.mark] = seen
		}
		same := views[seen.mark]
		same.branches = append(same.branches, answer.branch)
	}
	for _, v := range slices.SortedFunc(maps.Values(views), func(v, w *view) int {
		if len(v.branches) != len(w.branches) {
			return len(w.branches) - len(v.branches)
		}
		return strings.Compare(v.mark, w.mark)
	}) {
		a.views = append(a.views, *v)
	}
	return a
}

// newView returns what a branch holds.
func newView(status *bankv1.GetStatusResponse) *view {
	v := &view{accounts: status.GetAccounts(), truncated: status.GetAccountsTruncated()}
	var mark strings.Builder
	for _, p := range status.GetApplied() {
		v.entries += p.GetSequence()
		fmt.Fprintf(&mark, "%d:%d:%s ", p.GetBranch(), p.GetSequence(), hex.EncodeToString(p.GetHash()))
	}
	for _, account := range status.GetAccounts() {
		fmt.Fprintf(&mark, "%q:%d ", account.GetAccount(), account.GetBalance())
	}
	v.mark = mark.String()
	return v
}
