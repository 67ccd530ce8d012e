package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/cmd/passbook/internal/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

const (
	// asking is how many branches are asked for their status at once.
	asking = 32
	// statusTimeout is how long one branch may take to tell its status.
	statusTimeout = 3 * time.Second
	// surveyDelayMin and surveyDelayMax are how long to wait between asking all
	// branches twice: a branch can be asked, but not told to call back.
	surveyDelayMin = 5 * time.Millisecond
	surveyDelayMax = 200 * time.Millisecond
	// maxStatusBytes is the largest status that is read: 16 MiB.
	maxStatusBytes = 16 << 20
)

// survey asks branches for their status.
type survey struct {
	ids     []uint32
	clients []bankv1connect.BranchServiceClient

	mu sync.Mutex
	// last has the last answer of each branch.
	last []answer
}

// answer is what one branch said of itself.
type answer struct {
	branch uint32
	status *bankv1.GetStatusResponse
	// err says why there is no status.
	err error
}

// newSurvey returns a survey of the branches at these addresses.
func newSurvey(client *http.Client, n *network, ids []uint32) *survey {
	s := &survey{ids: ids}
	for _, id := range ids {
		s.clients = append(s.clients, bankv1connect.NewBranchServiceClient(
			client, baseURL(n.address(id)), connect.WithReadMaxBytes(maxStatusBytes)))
	}
	return s
}

// baseURL returns the URL of a branch.
func baseURL(address string) string { return "http://" + address }

// ask asks all branches once.
func (s *survey) ask(ctx context.Context) []answer {
	answers := make([]answer, len(s.ids))
	slots := make(chan struct{}, asking)
	var running sync.WaitGroup
	for i, id := range s.ids {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, statusTimeout)
			defer cancel()
			status, err := s.clients[i].GetStatus(ctx, &bankv1.GetStatusRequest{})
			answers[i] = answer{branch: id, status: status, err: err}
			s.note(i, answers[i])
		})
	}
	running.Wait()
	return answers
}

// until asks all branches, again and again, until the answers satisfy done,
// wait is over, or ctx ends; they are asked once at least. It returns the last
// answers, and whether they do.
func (s *survey) until(ctx context.Context, wait time.Duration, done func([]answer) bool) ([]answer, bool) {
	deadline := time.Now().Add(wait)
	asking, cancel := context.WithTimeout(ctx, max(wait, statusTimeout))
	defer cancel()
	var answers []answer
	for delay := surveyDelayMin; ; delay = min(2*delay, surveyDelayMax) {
		before := answers
		answers = s.ask(asking)
		if asking.Err() != nil && ctx.Err() == nil {
			keepAnswers(answers, before)
		}
		left := time.Until(deadline)
		switch {
		case done(answers):
			return answers, true
		case left <= 0:
			return answers, false
		}
		select {
		case <-time.After(min(delay, left)):
		case <-ctx.Done():
			return answers, false
		}
	}
}

// keepAnswers puts the answers of the round before in place of those that only
// say that the time for the last round was over: a branch that was asked when none
// was left is no worse than it said before, and one that was gone has a cause.
func keepAnswers(answers, before []answer) {
	for i := range before {
		if words.Late(answers[i].err) {
			answers[i] = before[i]
		}
	}
}

// serves says whether the branch takes writes.
func (a answer) serves() bool {
	return a.status.GetState() == bankv1.BranchState_BRANCH_STATE_SERVING
}

// unready says what keeps a branch from being ready to be replayed against;
// empty if nothing does.
func (a answer) unready() string {
	switch {
	case errors.Is(a.err, errNoAnswer):
		return "has not answered yet"
	case words.Late(a.err):
		return "can't be reached: it gave no answer in time"
	case a.err != nil:
		return "can't be reached: " + words.Reason(a.err)
	case !a.serves():
		return "takes no writes: " + a.status.GetStateReason()
	}
	if lost := a.lost(); len(lost) > 0 {
		return "does not reach " + words.Branches(lost)
	}
	return ""
}

// lost returns the peers that the branch does not reach.
func (a answer) lost() []uint32 {
	var lost []uint32
	for _, p := range a.status.GetPeers() {
		if !p.GetReachable() {
			lost = append(lost, p.GetBranch())
		}
	}
	return lost
}

// allReady says whether all branches are ready to be replayed against.
func allReady(answers []answer) bool {
	for _, a := range answers {
		if a.unready() != "" {
			return false
		}
	}
	return true
}

// anyReached says whether at least one branch answered.
func anyReached(answers []answer) bool {
	for _, a := range answers {
		if a.err == nil {
			return true
		}
	}
	return false
}
