package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

// waitingNotice is how long a command waits for branches before it says so.
const waitingNotice = 1500 * time.Millisecond

// clock is how a moment soon to come is told.
const clock = "15:04:05 MST"

// await waits until all branches are ready, and warns of those that aren't when
// time runs out. It returns what they said last, or an error if none can be
// reached at all, or, with failFast, not all are ready.
func (a *app) await(ctx context.Context, s *survey, wait time.Duration, failFast bool) ([]answer, error) {
	answers, ready := s.untilNoticed(ctx, wait, a.ui.waiting)
	if err := s.foreign(answers); err != nil {
		return nil, err
	}
	switch {
	case ready:
		return answers, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("stopped before the replay: %w", context.Cause(ctx))
	case !anyReached(answers):
		return nil, exit.Unreachable(fmt.Errorf("none of the %s can be reached; the first: %s; 'passbook serve FILE' starts them",
			words.Count(len(answers), "branch"), unreadyLine(answers[0])))
	case failFast:
		lines := unreadyLines(answers)
		return nil, exit.Unreachable(fmt.Errorf("%s, and --fail-fast doesn't wait; the first: %s",
			notReady(len(lines), len(answers)), lines[0]))
	}
	a.ui.unready(answers)
	return answers, nil
}

// untilNoticed asks all branches until they are ready, wait is over, or ctx ends.
// When that takes long, notice is told what they have said so far, and until when
// they are waited for.
func (s *survey) untilNoticed(ctx context.Context, wait time.Duration, notice func([]answer, time.Time)) ([]answer, bool) {
	until := time.Now().Add(max(wait, statusTimeout))
	over := make(chan struct{})
	var noticing sync.WaitGroup
	noticing.Go(func() {
		select {
		case <-time.After(waitingNotice):
			notice(s.latest(), until)
		case <-over:
		}
	})
	answers, ready := s.until(ctx, wait, func(answers []answer) bool { return allReady(answers) || s.foreign(answers) != nil })
	close(over)
	noticing.Wait()
	return answers, ready
}

// foreign returns an error if a branch answered whose bank lacks branches that are
// asked: then the file is that of another bank.
func (s *survey) foreign(answers []answer) error {
	for _, a := range answers {
		if a.err != nil || len(a.status.GetPeers()) == 0 {
			continue
		}
		theirs := []uint32{a.branch}
		for _, p := range a.status.GetPeers() {
			theirs = append(theirs, p.GetBranch())
		}
		var missing []uint32
		for _, id := range s.ids {
			if !slices.Contains(theirs, id) {
				missing = append(missing, id)
			}
		}
		if len(missing) > 0 {
			return exit.Usagef("branch %d is one of another bank, which has %s and not %s: replay the file of that bank, or serve this one on ports of its own with --base-port",
				a.branch, words.Branches(theirs), words.Branches(missing))
		}
	}
	return nil
}

// errNoAnswer says that a branch that was asked has not answered yet.
var errNoAnswer = errors.New("no answer yet")

// latest returns the last answer of each branch.
func (s *survey) latest() []answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := make([]answer, len(s.ids))
	for i, id := range s.ids {
		answers[i] = answer{branch: id, err: errNoAnswer}
		if i < len(s.last) && s.last[i].branch != 0 {
			answers[i] = s.last[i]
		}
	}
	return answers
}

// note keeps an answer for latest.
func (s *survey) note(i int, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make([]answer, len(s.ids))
	}
	s.last[i] = a
}

// givenUp returns why an event is not to be sent to a branch that was waited for
// in vain.
func givenUp(answers []answer) func(uint32, customer.Interface) error {
	lost := make(map[uint32]answer)
	for _, a := range answers {
		if a.err != nil || !a.serves() {
			lost[a.branch] = a
		}
	}
	return func(id uint32, event customer.Interface) error {
		a, ok := lost[id]
		if !ok || a.err == nil && event == customer.Query {
			return nil
		}
		return errors.New(unreadyLine(a))
	}
}

// held returns how many entries the bank holds, as far as its branches say.
func held(answers []answer) uint64 {
	most := uint64(0)
	for _, v := range compare(answers).views {
		most = max(most, v.entries)
	}
	return most
}
