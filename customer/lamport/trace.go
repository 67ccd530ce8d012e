package lamport

import (
	"cmp"
	"fmt"
	"slices"
)

// Trace is what the processes of a run say of their events.
type Trace struct {
	// Edition says which events there are, and how clocks tick.
	Edition Edition
	// Customers has the customers in the input's order. It is empty in the edition of
	// 2020, whose customers have no events.
	Customers []History
	// Branches has the branches in the input's order.
	Branches []History

	// read is what only a trace has that came from files; nil otherwise.
	read *reading
}

// Edition is a version of the project.
type Edition int

const (
	// Edition2023 counts sends and receipts of requests and propagations.
	Edition2023 Edition = iota
	// Edition2020 counts requests, executions and responses at branches alone.
	Edition2020
)

// History is a process with its events, in the order in which they happened there.
type History struct {
	Process
	Events []Event
}

// Process is a customer or a branch.
type Process struct {
	Kind Kind
	ID   int64
}

// Kind tells customers from branches.
type Kind string

// The kinds of processes.
const (
	Customer Kind = "customer"
	Branch   Kind = "branch"
)

// String returns the process as messages have it: "branch 3".
func (p Process) String() string { return fmt.Sprintf("%s %d", p.Kind, p.ID) }

// Event is one event of a process.
type Event struct {
	// Request is the customer-request-id of the request that the event belongs to.
	Request int64
	// Clock is the process's clock after the event.
	Clock int64
	// Operation is what the request asks for.
	Operation Operation
	// Step is what happens.
	Step Step
	// Peer is the other process of a message, in the edition of 2023: the customer
	// itself where a customer sends, since its comment does not name the branch.
	Peer Process

	place Place
}

// Operation is what a customer's request asks for.
type Operation string

// The operations.
const (
	Deposit  Operation = "deposit"
	Withdraw Operation = "withdraw"
)

// Step is what happens in an event.
type Step string

// The steps of the edition of 2023. Whether one belongs to the request itself or to its
// propagation follows from the processes: a propagation goes from branch to branch.
const (
	Sent     Step = "event_sent"
	Received Step = "event_recv"
)

// The steps of the edition of 2020, as its names have them after the operation.
const (
	Request           Step = "request"
	Execute           Step = "execute"
	PropagateRequest  Step = "propagate_request"
	PropagateExecute  Step = "propagate_execute"
	PropagateResponse Step = "propagate_response"
	Response          Step = "response"
)

var steps2020 = []Step{Request, Execute, PropagateRequest, PropagateExecute, PropagateResponse, Response}

// Propagated reports whether the event belongs to the propagation of a request, in the
// edition of 2023.
func (e *Event) Propagated() bool { return e.Peer.Kind == Branch }

// flatEvent is an event beside its process, as part 3 of the output has it.
type flatEvent struct {
	Process
	Event
}

// flat returns all events grouped by request, ascending, inside by clock. Of events with
// the same clock those come first of which others follow.
func (t *Trace) flat() []flatEvent {
	var all []flatEvent
	for _, histories := range [][]History{t.Customers, t.Branches} {
		for _, h := range histories {
			for _, e := range h.Events {
				all = append(all, flatEvent{h.Process, e})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b flatEvent) int {
		return cmp.Or(cmp.Compare(a.Request, b.Request), cmp.Compare(a.Clock, b.Clock), cmp.Compare(a.depth(), b.depth()))
	})
	return all
}

// depth is how many messages a request has taken to an event.
func (e *flatEvent) depth() int {
	switch {
	case e.Kind == Customer:
		return 0
	case e.Step == Received && e.Propagated(), e.Step == PropagateRequest, e.Step == PropagateExecute:
		return 2
	case e.Step == PropagateResponse, e.Step == Response:
		return 3
	}
	return 1
}

// Events returns how many events there are.
func (t *Trace) Events() int {
	n := 0
	for _, histories := range [][]History{t.Customers, t.Branches} {
		for _, h := range histories {
			n += len(h.Events)
		}
	}
	return n
}
