package survey

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"passbook.example/passbook/cmd/passbook/internal/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// serves reports whether the branch takes writes.
func (a Answer) serves() bool {
	return a.Status.GetState() == bankv1.BranchState_BRANCH_STATE_SERVING
}

// unready says why a branch is not ready for a replay; empty if it is.
func (a Answer) unready() string {
	switch {
	case errors.Is(a.Err, errNoAnswer):
		return "has not answered yet"
	case words.Late(a.Err):
		return "can't be reached: it gave no answer in time"
	case a.Err != nil:
		return "can't be reached: " + words.Reason(a.Err)
	case !a.serves():
		return "takes no writes: " + a.Status.GetStateReason()
	}
	if lost := a.lost(); len(lost) > 0 {
		return "does not reach " + words.Branches(lost)
	}
	return ""
}

// lost returns the peers that the branch does not reach.
func (a Answer) lost() []uint32 {
	var lost []uint32
	for _, p := range a.Status.GetPeers() {
		if !p.GetReachable() {
			lost = append(lost, p.GetBranch())
		}
	}
	return lost
}

// AllReady reports whether all branches are ready for a replay.
func AllReady(answers []Answer) bool {
	for _, a := range answers {
		if a.unready() != "" {
			return false
		}
	}
	return true
}

// AnyReached reports whether at least one branch answered.
func AnyReached(answers []Answer) bool {
	for _, a := range answers {
		if a.Err == nil {
			return true
		}
	}
	return false
}

// UnreadyLines says which branches are not ready, and why. It leaves out that a
// branch does not reach one that is itself named as gone.
func UnreadyLines(answers []Answer) []string {
	gone := make(map[uint32]bool)
	for _, a := range answers {
		gone[a.Branch] = a.Err != nil
	}
	var lines []string
	for _, a := range answers {
		known := a.Err == nil && a.serves() && !slices.ContainsFunc(a.lost(), func(id uint32) bool { return !gone[id] })
		if a.unready() != "" && !known {
			lines = append(lines, UnreadyLine(a))
		}
	}
	return lines
}

// UnreadyLine says that a branch is not ready, and why.
func UnreadyLine(a Answer) string {
	return fmt.Sprintf("branch %d %s", a.Branch, a.unready())
}

// NotReady says how many branches are not ready: "1 of 3 branches is not ready".
func NotReady(n, of int) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %s %s not ready", n, words.Count(of, "branch"), verb)
}

// WaitingLine says which branches are waited for, and until when; empty if none
// is.
func WaitingLine(answers []Answer, until time.Time) string {
	lines := UnreadyLines(answers)
	if len(lines) == 0 {
		return ""
	}
	which := lines[0]
	if len(lines) > 1 {
		which = fmt.Sprintf("%s; the first: %s", NotReady(len(lines), len(answers)), lines[0])
	}
	return fmt.Sprintf("waiting until %s: %s (--fail-fast doesn't wait)", words.Clock(until), which)
}
