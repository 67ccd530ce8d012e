package verdict

import (
	"fmt"
	"math"
	"strings"
	"time"

	"passbook.example/passbook/branch/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// briskRate is the entries a second from which on a bank counts as busy: then no
// two branches are ever seen at exactly the same place for long.
const briskRate = 10

// News is what the headline is made of.
type News struct {
	// Branches are all of the bank.
	Branches []NewsBranch
	// Balance is the account's, at the branch that is watched.
	Balance int64
	// Alike says that all branches have reported the same positions.
	Alike bool
	// Rate is how many entries a second the branch that is watched applies.
	Rate uint64
}

// NewsBranch is a branch in the news.
type NewsBranch struct {
	// Branch is its id.
	Branch uint32
	// Health is the verdict on it.
	Health bankv1.BranchHealth
	// Lasts is for how long its health has been that.
	Lasts time.Duration
	// Behind is how many entries it lacks.
	Behind uint64
	// Escrow is what it alone may spend, as far as anybody knows.
	Escrow int64
}

// troubles are the healths that make the news, the gravest first.
var troubles = []struct {
	health bankv1.BranchHealth
	// one and many say so of one branch and of several.
	one, many string
	// locks says that nobody can spend the branch's escrow meanwhile.
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

// Headline says what is true of the bank, in words.
func (n *News) Headline() *bankv1.Headline {
	var told []string
	more := 0
	for _, t := range troubles {
		var in []NewsBranch
		for _, b := range n.Branches {
			if b.Health == t.health {
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

// wellText says that all is well.
func (n *News) wellText() string {
	branches, agree, keep := "1 branch", "agrees", "keeps"
	if len(n.Branches) > 1 {
		branches, agree, keep = fmt.Sprintf("%d branches", len(n.Branches)), "agree", "keep"
	}
	switch {
	case n.Rate >= briskRate:
		return fmt.Sprintf("%s %s up: %s (%s entries a second)", branches, keep, grouped(n.Balance), grouped(n.Rate))
	case n.Alike:
		return fmt.Sprintf("%s %s: %s", branches, agree, grouped(n.Balance))
	}
	return fmt.Sprintf("%s %s up: %s", branches, keep, grouped(n.Balance))
}

// tell says what is the matter with some branches.
func tell(in []NewsBranch, what string, health bankv1.BranchHealth, locks bool) string {
	var ids []uint32
	var behind uint64
	var escrow int64
	longest, shortest := in[0].Lasts, in[0].Lasts
	for _, b := range in {
		ids = append(ids, b.Branch)
		behind = max(behind, b.Behind)
		escrow += min(b.Escrow, math.MaxInt64-escrow)
		longest, shortest = max(longest, b.Lasts), min(shortest, b.Lasts)
	}
	text := words.Branches(ids, maxNamed) + " " + what
	switch {
	case health == bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED:
		return text
	case longest < time.Second:
	case longest-shortest < 2*time.Second:
		text += ", for " + lasting(longest) + " now"
	default:
		text += ", for " + lasting(shortest) + " to " + lasting(longest) + " now"
	}
	// Nobody knows what an unreachable branch lacks.
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
