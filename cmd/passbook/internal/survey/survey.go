// Package survey asks the branches of a bank how they are: whether they are ready,
// what keeps them from it, and whether they agree. It knows branches only by their
// calls; replays, and the console that reports on them, know it.
package survey

import (
	"context"
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
	// surveyDelayMin and surveyDelayMax bound the pause before all branches are asked
	// again: a branch can't be told to call back.
	surveyDelayMin = 5 * time.Millisecond
	surveyDelayMax = 200 * time.Millisecond
	// MaxStatusBytes is the largest status that is read: 16 MiB.
	MaxStatusBytes = 16 << 20
)

// Survey asks branches for their status.
type Survey struct {
	// ids are the branches to ask, each with its client.
	ids     []uint32
	clients []bankv1connect.BranchServiceClient

	mu sync.Mutex
	// last has the last answer of each branch.
	last []Answer
}

// Answer is what one branch said of itself.
type Answer struct {
	// Branch is the one that was asked.
	Branch uint32
	// Status is what it said; nil if it said nothing.
	Status *bankv1.GetStatusResponse
	// Err says why there is no status.
	Err error
}

// New returns a survey of the branches at these URLs.
func New(client *http.Client, url func(id uint32) string, ids []uint32) *Survey {
	s := &Survey{ids: ids}
	for _, id := range ids {
		s.clients = append(s.clients, bankv1connect.NewBranchServiceClient(
			client, url(id), connect.WithReadMaxBytes(MaxStatusBytes)))
	}
	return s
}

// Ask asks all branches once.
func (s *Survey) Ask(ctx context.Context) []Answer {
	answers := make([]Answer, len(s.ids))
	slots := make(chan struct{}, asking)
	var running sync.WaitGroup
	for i, id := range s.ids {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, statusTimeout)
			defer cancel()
			status, err := s.clients[i].GetStatus(ctx, &bankv1.GetStatusRequest{})
			answers[i] = Answer{Branch: id, Status: status, Err: err}
			s.note(i, answers[i])
		})
	}
	running.Wait()
	return answers
}

// Until asks all branches, at least once, until the answers satisfy done, wait is
// over, or ctx ends. It returns the last answers, and whether they satisfy done.
func (s *Survey) Until(ctx context.Context, wait time.Duration, done func([]Answer) bool) ([]Answer, bool) {
	deadline := time.Now().Add(wait)
	asking, cancel := context.WithTimeout(ctx, max(wait, statusTimeout))
	defer cancel()
	var answers []Answer
	for delay := surveyDelayMin; ; delay = min(2*delay, surveyDelayMax) {
		before := answers
		answers = s.Ask(asking)
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

// keepAnswers replaces answers that only say that the last round had no time left by
// those of the round before: such a branch is no worse than it said then, and one
// that was gone has a cause.
func keepAnswers(answers, before []Answer) {
	for i := range before {
		if words.Late(answers[i].Err) {
			answers[i] = before[i]
		}
	}
}
