package follow

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// gather returns what gathers the lives of a request at branch 2 of three.
func gather() *gathering {
	g := &gathering{follower: newLonely(), changed: make(chan struct{})}
	for _, id := range g.follower.cfg.Branches {
		g.branches = append(g.branches, gathered{id: id, isNew: true})
	}
	return g
}

func saying(branch, run uint32, steps ...*bankv1.RequestStep) *bankv1.FollowRequestResponse {
	return &bankv1.FollowRequestResponse{Branches: []*bankv1.FollowedBranch{{Branch: branch, Follows: true, Run: run, Steps: steps}}}
}

// Whatever a branch tells of a request, a follower gets steps that there are, of branches
// that there are, and only so many.
func TestStepsThatLieAreBounded(t *testing.T) {
	g := gather()
	var steps []*bankv1.RequestStep
	for _, at := range []int64{math.MinInt64, -1, 0, math.MaxInt64} {
		for kind := int32(-3); kind < 40; kind++ {
			for _, peer := range []uint32{0, 1, 2, 3, 4, math.MaxUint32} {
				steps = append(steps, &bankv1.RequestStep{Kind: bankv1.RequestStepKind(kind), Peer: peer, AtUs: at, Code: strings.Repeat("c", 10_000)})
			}
		}
	}
	for run := range uint32(100) {
		for range 20 {
			g.hear(3, saying(3, run, steps...))
			g.hear(3, saying(1, run, steps...)) // in the name of another branch
		}
	}
	b := g.branch(3)
	// Without a peer two kinds repeat, and three don't; with each of the two peers, one
	// does and eight don't.
	perRun := 2*maxRepeats + 3 + 2*(maxRepeats+8)
	if n := len(b.steps); n != maxRuns*perRun {
		t.Errorf("%d steps, want %d", n, maxRuns*perRun)
	}
	if b.follows || b.reason != "it has begun anew too often" {
		t.Errorf("follows: %v, %q", b.follows, b.reason)
	}
	if n := len(g.branch(1).steps); n != 0 {
		t.Errorf("branch 3 has told %d steps in the name of branch 1", n)
	}
	for _, s := range b.steps {
		if s.GetAtUs() < 0 || s.GetPeer() == 3 || s.GetPeer() > 3 || s.GetKind() <= 0 || s.GetKind() > answered || s.GetCode() != "unknown" {
			t.Fatalf("it passes on %v", s)
		}
	}
}

// The reason why a branch does not follow is short, and whole characters.
func TestReasonsAreBounded(t *testing.T) {
	g := gather()
	g.miss(3, errors.New("whatever"))
	if r := g.branch(3).reason; r != "it can't be reached" {
		t.Errorf("the reason is %q", r)
	}
	for _, text := range []string{strings.Repeat("é", 5000), strings.Repeat("x", maxReason-1) + "é"} {
		r := missing(connect.NewError(connect.CodeUnavailable, errors.New(text)))
		if len(r) > maxReason+40 || !utf8.ValidString(r) {
			t.Errorf("a reason of %d bytes", len(r))
		}
	}
}

// After a broken connection a branch tells its life again from the beginning: nothing of it
// is new. Another life is, and has a clock of its own.
func TestALifeThatIsToldAgainIsKnown(t *testing.T) {
	g := gather()
	came, back := &bankv1.RequestStep{Kind: received}, &bankv1.RequestStep{Kind: answered}
	news := func() (n int, runs []uint32) {
		m, _ := g.news()
		for _, b := range m.GetBranches() {
			if b.GetBranch() == 1 && len(b.GetSteps()) > 0 {
				n += len(b.GetSteps())
				runs = append(runs, b.GetRun())
			}
		}
		return n, runs
	}
	g.hear(1, saying(1, 70, came))
	if n, _ := news(); n != 1 {
		t.Errorf("%d steps are new, want 1", n)
	}
	g.miss(1, nil)
	g.hear(1, saying(1, 70, came, back))
	g.hear(1, saying(1, 70, came))
	if n, _ := news(); n != 2 {
		t.Errorf("%d steps are new, want the answer, and the second request", n)
	}
	g.miss(1, nil)
	g.hear(1, saying(1, 70, came, back, came, back))
	g.hear(1, saying(1, 71, came))
	if n, runs := news(); n != 2 || len(runs) != 2 || runs[0] != 70 || runs[1] != 71 {
		t.Errorf("%d steps of runs %v are new, want one of each", n, runs)
	}
}
