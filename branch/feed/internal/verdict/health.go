package verdict

import (
	"fmt"

	"passbook.example/passbook/branch/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Evidence is what a branch's health is judged by. All slices are by the order of
// the branches.
type Evidence struct {
	// Branch is its id.
	Branch uint32
	// Reporting says that it reports.
	Reporting bool
	// Silence is why it does not report, in words; empty when it may yet begin.
	Silence string
	// State is the one it reports.
	State bankv1.BranchState
	// Reason is why it takes no writes, in words.
	Reason string
	// Behind is how many entries it lacks that were known a second before it
	// last reported.
	Behind uint64
	// Unreachable are the branches with which it has not been able to exchange
	// entries for a while.
	Unreachable []int
}

// Verdict is the health of a branch.
type Verdict struct {
	// Health is that, in the terms of the API.
	Health bankv1.BranchHealth
	// Reason is why, in words; empty when all is well.
	Reason string
}

// Judge returns the verdict on every branch.
func Judge(branches []Evidence) []Verdict {
	cut := cutOff(branches)
	out := make([]Verdict, len(branches))
	for i := range branches {
		out[i] = branches[i].verdict(cut[i], branches)
	}
	return out
}

// verdict returns the branch's health; cut are the branches that it is cut off
// from.
func (e *Evidence) verdict(cut []int, branches []Evidence) Verdict {
	switch {
	case !e.Reporting && e.Silence == "":
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED, "it has not reported yet"}
	case !e.Reporting:
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE, e.Silence}
	case e.State == bankv1.BranchState_BRANCH_STATE_RECOVERING:
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING, e.Reason}
	case e.State == bankv1.BranchState_BRANCH_STATE_HALTED:
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_HALTED, e.Reason}
	case len(cut) > 0:
		ids := make([]uint32, len(cut))
		for i, k := range cut {
			ids[i] = branches[k].Branch
		}
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF, "it can't exchange entries with " + words.Branches(ids, maxNamed)}
	case e.Behind > 0:
		return Verdict{bankv1.BranchHealth_BRANCH_HEALTH_BEHIND, fmt.Sprintf("it lacks %s", countOf(e.Behind, "entry", "entries"))}
	}
	return Verdict{Health: bankv1.BranchHealth_BRANCH_HEALTH_AGREES}
}

// cutOff returns for every branch those that it is cut off from. Where two branches
// that both report can't exchange entries, the one that can't with more branches
// counts as cut off, or both if they are alike. So of 50 branches one is cut off,
// and not also the 49 that miss it.
func cutOff(branches []Evidence) [][]int {
	n := len(branches)
	broken := make([][]bool, n)
	degree := make([]int, n)
	for i := range broken {
		broken[i] = make([]bool, n)
	}
	for i := range branches {
		for _, k := range branches[i].Unreachable {
			if k != i && branches[i].exchanges() && branches[k].exchanges() && !broken[i][k] {
				broken[i][k], broken[k][i] = true, true
				degree[i]++
				degree[k]++
			}
		}
	}
	out := make([][]int, n)
	for {
		most := 0
		for _, d := range degree {
			most = max(most, d)
		}
		if most == 0 {
			return out
		}
		var worst []int
		for i, d := range degree {
			if d == most {
				worst = append(worst, i)
				for k, b := range broken[i] {
					if b {
						out[i] = append(out[i], k)
					}
				}
			}
		}
		for _, i := range worst {
			for k, b := range broken[i] {
				if b {
					broken[i][k], broken[k][i] = false, false
					degree[i]--
					degree[k]--
				}
			}
		}
	}
}

// exchanges reports whether a branch should exchange entries: one that has
// just started may not have found the others yet.
func (e *Evidence) exchanges() bool {
	return e.Reporting && e.State != bankv1.BranchState_BRANCH_STATE_RECOVERING
}
