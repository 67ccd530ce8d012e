package verdict

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Short names for the tables.
const (
	wAgrees      = bankv1.BranchHealth_BRANCH_HEALTH_AGREES
	wBehind      = bankv1.BranchHealth_BRANCH_HEALTH_BEHIND
	wCutOff      = bankv1.BranchHealth_BRANCH_HEALTH_CUT_OFF
	wUnreachable = bankv1.BranchHealth_BRANCH_HEALTH_UNREACHABLE
	wRecovering  = bankv1.BranchHealth_BRANCH_HEALTH_RECOVERING
	wHalted      = bankv1.BranchHealth_BRANCH_HEALTH_HALTED
	wUnknown     = bankv1.BranchHealth_BRANCH_HEALTH_UNSPECIFIED
)

func TestHealthIsJudged(t *testing.T) {
	serving := Evidence{Reporting: true, State: bankv1.BranchState_BRANCH_STATE_SERVING}
	with := func(o Evidence, change func(*Evidence)) Evidence {
		change(&o)
		return o
	}
	misses := func(peers ...int) Evidence { return with(serving, func(o *Evidence) { o.Unreachable = peers }) }
	silent := Evidence{Silence: "it says nothing", State: bankv1.BranchState_BRANCH_STATE_HALTED, Behind: 3, Unreachable: []int{0}}
	tests := map[string]struct {
		branches []Evidence
		want     []bankv1.BranchHealth
		reason   string // of the first
	}{
		"all is well":                   {[]Evidence{serving, serving}, []bankv1.BranchHealth{wAgrees, wAgrees}, ""},
		"alone":                         {[]Evidence{serving}, []bankv1.BranchHealth{wAgrees}, ""},
		"no report yet":                 {[]Evidence{{}, serving}, []bankv1.BranchHealth{wUnknown, wAgrees}, "it has not reported yet"},
		"silence comes before the rest": {[]Evidence{silent, serving}, []bankv1.BranchHealth{wUnreachable, wAgrees}, "it says nothing"},
		"recovering": {
			[]Evidence{with(misses(1), func(o *Evidence) { o.State, o.Reason, o.Behind = bankv1.BranchState_BRANCH_STATE_RECOVERING, "why", 2 }), serving},
			[]bankv1.BranchHealth{wRecovering, wAgrees}, "why",
		},
		"halted": {
			[]Evidence{with(misses(1), func(o *Evidence) { o.State, o.Reason = bankv1.BranchState_BRANCH_STATE_HALTED, "why" }), serving, misses(0)},
			[]bankv1.BranchHealth{wHalted, wAgrees, wAgrees}, "why",
		},
		"behind": {[]Evidence{with(serving, func(o *Evidence) { o.Behind = 1 }), serving}, []bankv1.BranchHealth{wBehind, wAgrees}, "it lacks 1 entry"},
		"cut off from everybody": {
			[]Evidence{misses(1, 2, 3, 4), serving, serving, serving, serving},
			[]bankv1.BranchHealth{wCutOff, wAgrees, wAgrees, wAgrees, wAgrees}, "it can't exchange entries with branches 2, 3 and 2 more",
		},
		"missed by everybody": {
			[]Evidence{serving, misses(0), misses(0)}, []bankv1.BranchHealth{wCutOff, wAgrees, wAgrees}, "it can't exchange entries with branches 2 and 3",
		},
		"one pair of three":      {[]Evidence{misses(1), misses(0), serving}, []bankv1.BranchHealth{wCutOff, wCutOff, wAgrees}, "it can't exchange entries with branch 2"},
		"the smaller part":       {[]Evidence{misses(2, 3, 4), misses(2, 3, 4), serving, serving, serving}, []bankv1.BranchHealth{wCutOff, wCutOff, wAgrees, wAgrees, wAgrees}, "it can't exchange entries with branches 3, 4 and 5"},
		"two halves":             {[]Evidence{misses(2, 3), misses(2, 3), serving, serving}, []bankv1.BranchHealth{wCutOff, wCutOff, wCutOff, wCutOff}, "it can't exchange entries with branches 3 and 4"},
		"two that are far apart": {[]Evidence{misses(1, 2, 3), misses(0, 2, 3), serving, serving}, []bankv1.BranchHealth{wCutOff, wCutOff, wAgrees, wAgrees}, "it can't exchange entries with branches 2, 3 and 4"},
		"misses one that is away": {
			[]Evidence{misses(1), silent, misses(1)}, []bankv1.BranchHealth{wAgrees, wUnreachable, wAgrees}, "",
		},
		"cut off and behind": {
			[]Evidence{with(misses(1, 2), func(o *Evidence) { o.Behind = 4 }), serving, serving}, []bankv1.BranchHealth{wCutOff, wAgrees, wAgrees}, "it can't exchange entries with branches 2 and 3",
		},
	}
	for name, test := range tests {
		for i := range test.branches {
			test.branches[i].Branch = uint32(i + 1)
		}
		got := Judge(test.branches)
		var healths []bankv1.BranchHealth
		for _, v := range got {
			healths = append(healths, v.Health)
		}
		if diff := cmp.Diff(test.want, healths); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got[0].Reason != test.reason {
			t.Errorf("%s: reason %q, want %q", name, got[0].Reason, test.reason)
		}
	}
}

func TestNumbersAreGroupedByThousands(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1_000: "1,000", 12_345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1_000: "-1,000", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := grouped(uint64(math.MaxUint64)), "18,446,744,073,709,551,615"; got != want {
		t.Errorf("grouped(MaxUint64) = %q, want %q", got, want)
	}
}

func TestTheHeadlineSaysWhatIsTrue(t *testing.T) {
	well := func(n int) []NewsBranch {
		out := make([]NewsBranch, n)
		for i := range out {
			out[i] = NewsBranch{Branch: uint32(i + 1), Health: wAgrees, Lasts: time.Hour, Escrow: 8}
		}
		return out
	}
	ill := func(n int, ids map[uint32]NewsBranch) []NewsBranch {
		out := well(n)
		for id, b := range ids {
			b.Branch = id
			out[id-1] = b
		}
		return out
	}
	seconds := func(health bankv1.BranchHealth, n int) NewsBranch {
		return NewsBranch{Health: health, Lasts: time.Duration(n)*time.Second + 400*time.Millisecond}
	}
	locked := func(b NewsBranch, behind uint64, escrow int64) NewsBranch {
		b.Behind, b.Escrow = behind, escrow
		return b
	}
	tests := map[string]struct {
		news News
		want string
	}{
		"agreement": {News{Branches: well(3), Balance: 400, Alike: true}, "3 branches agree: 400"},
		"alone":     {News{Branches: well(1), Balance: 400, Alike: true}, "1 branch agrees: 400"},
		"a fortune": {News{Branches: well(3), Balance: math.MaxInt64, Alike: true}, "3 branches agree: 9,223,372,036,854,775,807"},
		"a little":  {News{Branches: well(3), Balance: 400, Rate: 2}, "3 branches keep up: 400"},
		"a few":     {News{Branches: well(3), Balance: 400, Alike: true, Rate: 2}, "3 branches agree: 400"},
		"load":      {News{Branches: well(50), Balance: 12345, Rate: 2310}, "50 branches keep up: 12,345 (2,310 entries a second)"},
		"load and by chance all alike": {
			News{Branches: well(50), Balance: 12345, Alike: true, Rate: 2310}, "50 branches keep up: 12,345 (2,310 entries a second)",
		},
		"cut off": {
			News{Branches: ill(9, map[uint32]NewsBranch{7: locked(seconds(wCutOff, 12), 3, 8)})},
			"branch 7 is cut off, for 12 s now; 3 entries behind; 8 of escrow locked there",
		},
		"much is locked": {
			News{Branches: ill(3, map[uint32]NewsBranch{2: locked(seconds(wCutOff, 3), 1_000, math.MaxInt64)})},
			"branch 2 is cut off, for 3 s now; 1,000 entries behind; 9,223,372,036,854,775,807 of escrow locked there",
		},
		"just now": {News{Branches: ill(3, map[uint32]NewsBranch{2: seconds(wUnreachable, 0)})}, "branch 2 is unreachable"},
		"nobody knows what an unreachable one lacks": {
			News{Branches: ill(3, map[uint32]NewsBranch{2: locked(seconds(wUnreachable, 3), 5, 0)})}, "branch 2 is unreachable, for 3 s now",
		},
		"many": {
			News{Branches: ill(9, map[uint32]NewsBranch{
				3: locked(seconds(wUnreachable, 5), 0, 1), 7: locked(seconds(wUnreachable, 6), 0, 2), 8: seconds(wUnreachable, 5), 9: seconds(wUnreachable, 5),
			})},
			"branches 3, 7 and 2 more are unreachable, for 6 s now; 3 of escrow locked there",
		},
		"one after the other": {
			News{Branches: ill(3, map[uint32]NewsBranch{1: seconds(wBehind, 5), 2: locked(seconds(wBehind, 300), 9, 4)})},
			"branches 1 and 2 are behind, for 5 s to 5 min now; up to 9 entries behind",
		},
		"several kinds": {
			News{Branches: ill(9, map[uint32]NewsBranch{
				1: seconds(wRecovering, 1), 2: seconds(wHalted, 10_000), 3: seconds(wUnreachable, 2), 4: seconds(wBehind, 2),
			})},
			"branch 3 is unreachable, for 2 s now; branch 2 is halted, for 2 h now; 2 more need a look",
		},
		"nothing known": {News{Branches: ill(3, map[uint32]NewsBranch{2: {}, 3: {}})}, "branches 2 and 3 have not reported yet"},
	}
	for name, test := range tests {
		got := test.news.Headline()
		agree := true
		for _, b := range test.news.Branches {
			agree = agree && b.Health == wAgrees
		}
		if got.GetText() != test.want || got.GetAgree() != agree {
			t.Errorf("%s: %q, agree %t; want %q, %t", name, got.GetText(), got.GetAgree(), test.want, agree)
		}
	}
}
