package survey

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

// waitingNotice is how long a command waits for branches before it says so.
const waitingNotice = 1500 * time.Millisecond

// UntilNoticed asks all branches until they are ready, wait is over, or ctx ends.
// If that takes long, it calls notice with the answers so far, and with the time
// until which it waits.
func (s *Survey) UntilNoticed(ctx context.Context, wait time.Duration, notice func([]Answer, time.Time)) ([]Answer, bool) {
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
	answers, ready := s.Until(ctx, wait, func(answers []Answer) bool { return AllReady(answers) || s.Foreign(answers) != nil })
	close(over)
	noticing.Wait()
	return answers, ready
}

// Foreign returns an error if a branch has answered whose bank does not have all the
// branches asked: then the file is another bank's.
func (s *Survey) Foreign(answers []Answer) error {
	for _, a := range answers {
		if a.Err != nil || len(a.Status.GetPeers()) == 0 {
			continue
		}
		theirs := []uint32{a.Branch}
		for _, p := range a.Status.GetPeers() {
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
				a.Branch, words.Branches(theirs), words.Branches(missing))
		}
	}
	return nil
}

// errNoAnswer says that a branch that was asked has not answered yet.
var errNoAnswer = errors.New("no answer yet")

// latest returns the last answer of each branch.
func (s *Survey) latest() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := make([]Answer, len(s.ids))
	for i, id := range s.ids {
		answers[i] = Answer{Branch: id, Err: errNoAnswer}
		if i < len(s.last) && s.last[i].Branch != 0 {
			answers[i] = s.last[i]
		}
	}
	return answers
}

// note keeps an answer for latest.
func (s *Survey) note(i int, a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make([]Answer, len(s.ids))
	}
	s.last[i] = a
}

// GivenUp returns a function that says why not to send an event to a branch that did
// not become ready in time.
func GivenUp(answers []Answer) func(uint32, customer.Interface) error {
	lost := make(map[uint32]Answer)
	for _, a := range answers {
		if a.Err != nil || !a.serves() {
			lost[a.Branch] = a
		}
	}
	return func(id uint32, event customer.Interface) error {
		a, ok := lost[id]
		if !ok || a.Err == nil && event == customer.Query {
			return nil
		}
		return errors.New(UnreadyLine(a))
	}
}

// Held returns how many entries the bank has, as far as its branches say.
func Held(answers []Answer) uint64 {
	most := uint64(0)
	for _, v := range Compare(answers).Views {
		most = max(most, v.Entries)
	}
	return most
}
