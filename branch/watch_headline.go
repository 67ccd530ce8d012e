package branch

import (
	"fmt"
	"math"
	"strings"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// briskRate is from how many entries a second on a bank counts as busy: then
// no two branches are ever seen at exactly the same place for long.
const briskRate = 10

// news is what the headline is made of.
type news struct {
	branches []newsBranch
	// balance is the account's, at the branch that is watched.
	balance int64
	// alike says that all branches have reported the same positions.
	alike bool
	// rate is how many entries a second the branch that is watched applies.
	rate uint64
}

// newsBranch is a branch in the news.
type newsBranch struct {
	branch uint32
	health bankv1.BranchHealth
	// lasts is for how long its health has been that.
	lasts  time.Duration
	behind uint64
	// escrow is what it alone may spend, as far as anybody knows.
	escrow int64
}

// troubles are the healths that make the news, the gravest first, and how that
// is said of one branch and of several.
var troubles = []struct {
	health    bankv1.BranchHealth
	one, many string
	// locks says that nobody gets at the branch's escrow meanwhile.
	locks bool
}{
	{bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE, "is unreachable", "are unreachable", true},
	{bankv1.BranchHealth_BRANCH_HEALTH_HALTED, "is halted", "are halted", true},
	{bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF, "is cut off", "are cut off", true},
	{bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING, "recovers", "recover", false},
	{bankv1.BranchHealth_BRANCH_HEALTH_BEHIND, "is behind", "are behind", false},
	{bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED, "has not reported yet", "have not reported yet", false},
}

// maxTroubles bounds the kinds of trouble that a headline names.
const maxTroubles = 2

// headline says what is true of the bank, in words.
func (n *news) headline() *bankv1.Headline {
	var told []string
	more := 0
	for _, t := range troubles {
		var in []newsBranch
		for _, b := range n.branches {
			if b.health == t.health {
				in = append(in, b)
			}
		}
		switch {
		case len(in) == 0:
		case len(told) == maxTroubles:
			more += len(in)
		case len(in) == 1:
			told = append(told, tell(in, t.one, t.health, t.locks))
		default:
			told = append(told, tell(in, t.many, t.health, t.locks))
		}
	}
	if more > 0 {
		told = append(told, fmt.Sprintf("%d more need a look", more))
	}
	if told != nil {
		return &bankv1.Headline{Text: strings.Join(told, "; ")}
	}
	return &bankv1.Headline{Text: n.wellText(), Agree: true}
}

func (n *news) wellText() string {
	branches, agree, keep := "1 branch", "agrees", "keeps"
	if len(n.branches) > 1 {
		branches, agree, keep = fmt.Sprintf("%d branches", len(n.branches)), "agree", "keep"
	}
	switch {
	case n.rate >= briskRate:
		return fmt.Sprintf("%s %s up: %s (%s entries a second)", branches, keep, grouped(n.balance), grouped(n.rate))
	case n.alike:
		return fmt.Sprintf("%s %s: %s", branches, agree, grouped(n.balance))
	}
	return fmt.Sprintf("%s %s up: %s", branches, keep, grouped(n.balance))
}

// tell says what is the matter with some branches.
func tell(in []newsBranch, what string, health bankv1.BranchHealth, locks bool) string {
	var ids []uint32
	var behind uint64
	var escrow int64
	longest, shortest := in[0].lasts, in[0].lasts
	for _, b := range in {
		ids = append(ids, b.branch)
		behind = max(behind, b.behind)
		escrow += min(b.escrow, math.MaxInt64-escrow)
		longest, shortest = max(longest, b.lasts), min(shortest, b.lasts)
	}
	text := nameBranches(ids) + " " + what
	switch {
	case health == bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED:
		return text
	case longest < time.Second:
	case longest-shortest < 2*time.Second:
		text += ", for " + lasting(longest) + " now"
	default:
		text += ", for " + lasting(shortest) + " to " + lasting(longest) + " now"
	}
	// What an unreachable branch lacks nobody knows.
	if behind > 0 && health != bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE {
		each := ""
		if len(in) > 1 {
			each = "up to "
		}
		text += fmt.Sprintf("; %s%s behind", each, countOf(behind, "entry", "entries"))
	}
	if locks && escrow > 0 {
		text += fmt.Sprintf("; %s of escrow locked there", grouped(escrow))
	}
	return text
}

// grouped writes a number with a comma between its thousands, as the page does.
func grouped[N int64 | uint64](n N) string {
	digits := fmt.Sprint(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for at := len(digits) - 3; at > first; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// lasting rounds a time so that it changes once a second at most.
func lasting(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}
