package engine

import (
	"context"
	"errors"
	"testing"

	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// gone returns the context of a caller that has gone away.
func gone() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// What waits for the engine is bounded, also when those who asked have gone.
func TestWhatWaitsForTheEngineIsBounded(t *testing.T) {
	e := New(Config{}) // and nothing runs it
	tests := map[string]struct {
		most int
		call func() error
	}{
		"calls": {maxQueuedCalls, func() error {
			_, err := e.Ask(gone(), protocol.Query{})
			return err
		}},
		"collects": {maxServed, func() error {
			_, err := e.Serve(gone(), protocol.Message{Collect: &protocol.Collect{}})
			return err
		}},
		"visits": {maxVisits, func() error { return e.Visit(gone(), func(*replica.Replica) {}) }},
	}
	for name, test := range tests {
		for i := range test.most {
			if err := test.call(); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: number %d: %v", name, i+1, err)
			}
		}
		if err := test.call(); !errors.Is(err, protocol.ErrQueueFull) {
			t.Errorf("%s: one more than %d: %v", name, test.most, err)
		}
	}
	if want := maxQueuedCalls + maxServed + maxVisits; len(e.queue.inputs.waiting) != want {
		t.Errorf("%d wait, want %d", len(e.queue.inputs.waiting), want)
	}
	if first := len(e.queue.takeInputs()); first != maxDrained {
		t.Errorf("%d inputs in one step, want %d", first, maxDrained)
	}
}
