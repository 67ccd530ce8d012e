package branch

import (
	"testing"
	"testing/synctest"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// A customer who has the answer to all lists may count on the stream's being
// idle, from that moment on.
func TestAStreamOfListsIsIdleWhenItsAnswerGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := servePort(t).Branch
		s := &submitStream{branch: b, taken: make(chan submission, 1), evicted: make(chan struct{}), answered: make(chan struct{})}
		if !b.gate.enter() {
			t.Fatal("the gate is shut")
		}
		s.inHand.Add(1)
		s.taken <- submission{req: &bankv1.SubmitRequest{}, err: errTooManyLists}
		close(s.taken)
		sent := 0
		err := s.answer(t.Context(), make(chan error), func(*bankv1.SubmitResponse) error {
			sent++
			if s.inHand.Load() != 0 || s.idleSince.Load() == 0 {
				t.Errorf("%d lists are in hand, idle since %d", s.inHand.Load(), s.idleSince.Load())
			}
			return nil
		})
		if sent != 1 || err != nil {
			t.Errorf("%d answers were sent, %v", sent, err)
		}
	})
}
