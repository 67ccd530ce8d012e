package follow

import (
	"errors"
	"slices"
	"strings"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// maxReason bounds the text by which a branch says why it does not follow, in bytes.
const maxReason = 256

// hear takes what a branch tells of the request. It may be lies: steps that there are not,
// or with branches that there are not, are left out, and so is whatever comes too often.
func (g *gathering) hear(id uint32, m *bankv1.FollowRequestResponse) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.branch(id)
	for _, told := range m.GetBranches() {
		if told.GetBranch() == id && told.GetFollows() && b.isRun(told.GetRun()) {
			g.hearSteps(b, told.GetSteps())
		}
	}
	g.tell()
}

// isRun notes that a branch follows, in one of its lives. It reports false when it has
// begun anew too often.
func (b *gathered) isRun(name uint32) bool {
	if b.runs == 0 || b.run != name {
		if b.runs == maxRuns {
			b.isNew = b.isNew || b.follows
			b.follows, b.decided, b.reason = false, true, "it has begun anew too often"
			return false
		}
		b.run, b.runs, b.seen, b.heard, b.known = name, b.runs+1, seen{}, 0, 0
	}
	b.isNew = b.isNew || !b.follows
	b.follows, b.decided, b.reason = true, true, ""
	return true
}

// hearSteps takes steps of the last life of a branch. After a broken connection it tells
// all of them again.
func (g *gathering) hearSteps(b *gathered, steps []*bankv1.RequestStep) {
	for _, s := range steps {
		b.heard++
		if b.heard <= b.known || !g.isStep(b, s) || !b.seen.admits(s.GetKind(), s.GetPeer()) {
			continue
		}
		b.steps = append(b.steps, step{b.run, &bankv1.RequestStep{
			Kind: s.GetKind(), Peer: s.GetPeer(), AtUs: max(0, s.GetAtUs()), Before: s.GetBefore(), Code: knownCode(s.GetCode()),
		}})
	}
	b.known = max(b.known, b.heard)
}

// isStep reports whether there can be such a step at a branch.
func (g *gathering) isStep(b *gathered, s *bankv1.RequestStep) bool {
	if _, ok := bankv1.RequestStepKind_name[int32(s.GetKind())]; !ok || s.GetKind() == 0 {
		return false
	}
	if !isBetween(s.GetKind()) {
		return s.GetPeer() == 0
	}
	_, ok := slices.BinarySearch(g.follower.cfg.Branches, s.GetPeer())
	return ok && s.GetPeer() != b.id
}

// isBetween reports whether a step is one between branches.
func isBetween(kind bankv1.RequestStepKind) bool {
	switch kind {
	case received, journaled, applied, synced, answered:
		return false
	}
	return true
}

// knownCode returns a code that there is.
func knownCode(text string) string {
	if text == "" {
		return ""
	}
	for c := connect.CodeCanceled; c <= connect.CodeUnauthenticated; c++ {
		if c.String() == text {
			return text
		}
	}
	return connect.CodeUnknown.String()
}

// miss takes that a branch does not follow.
func (g *gathering) miss(id uint32, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, reason := g.branch(id), missing(err)
	b.isNew = b.isNew || b.follows || b.reason != reason
	b.follows, b.decided, b.reason = false, true, reason
	b.heard = 0 // the next connection tells all of it again
	g.tell()
}

// branch returns what is gathered of a branch of the bank. The caller holds mu.
func (g *gathering) branch(id uint32) *gathered {
	i, _ := slices.BinarySearch(g.follower.cfg.Branches, id)
	return &g.branches[i]
}

// missing says in words why a branch does not follow.
func missing(err error) string {
	var known *connect.Error
	switch {
	case err == nil:
		return "it has ended its report"
	case errors.As(err, &known) && connect.IsWireError(err):
		text := known.Message()
		return "it does not follow: " + strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
	}
	return "it can't be reached"
}

// tell wakes the follower. The caller holds mu.
func (g *gathering) tell() {
	close(g.changed)
	g.changed = make(chan struct{})
}
