package branch

import (
	"fmt"
	"strings"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// observed is what is known of a branch when its health is judged. All slices
// are by the order of the branches.
type observed struct {
	branch uint32
	// reporting says that it reports; silence is why it does not, in words,
	// empty when it may yet begin.
	reporting bool
	silence   string
	state     bankv1.BranchState
	// reason is why it takes no writes, in words.
	reason string
	// behind is how many entries it lacks that were known a second before it
	// last reported.
	behind uint64
	// unreachable are the branches with which it has not been able to exchange
	// entries for a while.
	unreachable []int
}

// verdict is the health of a branch.
type verdict struct {
	health bankv1.BranchHealth
	reason string
}

// judge returns the health of every branch.
func judge(branches []observed) []verdict {
	cut := cutOff(branches)
	out := make([]verdict, len(branches))
	for i := range branches {
		out[i] = branches[i].verdict(cut[i], branches)
	}
	return out
}

func (o *observed) verdict(cut []int, branches []observed) verdict {
	switch {
	case !o.reporting && o.silence == "":
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED, "it has not reported yet"}
	case !o.reporting:
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE, o.silence}
	case o.state == bankv1.BranchState_BRANCH_STATE_RECOVERING:
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING, o.reason}
	case o.state == bankv1.BranchState_BRANCH_STATE_HALTED:
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_HALTED, o.reason}
	case len(cut) > 0:
		ids := make([]uint32, len(cut))
		for i, k := range cut {
			ids[i] = branches[k].branch
		}
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF, "it can't exchange entries with " + nameBranches(ids)}
	case o.behind > 0:
		return verdict{bankv1.BranchHealth_BRANCH_HEALTH_BEHIND, fmt.Sprintf("it lacks %s", countOf(o.behind, "entry", "entries"))}
	}
	return verdict{health: bankv1.BranchHealth_BRANCH_HEALTH_AGREES}
}

// cutOff returns for every branch those that it is cut off from, if it is the
// one that is cut off. Where two branches that both report can't exchange
// entries, one of them is, or both: the one that this happens to with more
// branches. So of 50 branches one is cut off, and not also the 49 that miss
// it.
func cutOff(branches []observed) [][]int {
	n := len(branches)
	broken := make([][]bool, n)
	degree := make([]int, n)
	for i := range broken {
		broken[i] = make([]bool, n)
	}
	for i := range branches {
		for _, k := range branches[i].unreachable {
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
func (o *observed) exchanges() bool {
	return o.reporting && o.state != bankv1.BranchState_BRANCH_STATE_RECOVERING
}

// nameBranches names some branches, and how many more there are.
func nameBranches(ids []uint32) string {
	const most = 3
	switch {
	case len(ids) == 1:
		return fmt.Sprintf("branch %d", ids[0])
	case len(ids) > most:
		return fmt.Sprintf("branches %d, %d and %d more", ids[0], ids[1], len(ids)-2)
	}
	names := make([]string, len(ids)-1)
	for i, id := range ids[:len(ids)-1] {
		names[i] = fmt.Sprint(id)
	}
	return fmt.Sprintf("branches %s and %d", strings.Join(names, ", "), ids[len(ids)-1])
}

func countOf(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}
