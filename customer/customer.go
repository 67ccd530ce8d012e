package customer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer/lamport"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Customer is one customer element: a client that is bound to its home branch
// and executes its events in order. A Customer is for one goroutine.
type Customer struct {
	run   *run
	input Element
	// requests starts the request id of each of its events.
	requests string
	// session is what the customer has seen so far, as the branches told it.
	// Elements with the same customer id share it, and never run at once.
	session *string
	// clock is shared in the same way. It ticks in a traced replay only.
	clock *clock
	// numbers are those of its requests, by event, and sent is what it has sent, in a
	// traced replay.
	numbers []int64
	sent    []lamport.Event
	// received has a value for each event, in the order of the input.
	received []Received
}

// Outcome is how an event ended.
type Outcome int

const (
	// NotExecuted is an event that was not called, or had no answer yet when
	// the replay was stopped: Received.Err is set if the bank may have recorded
	// it all the same.
	NotExecuted Outcome = iota
	// Succeeded is a write that was acknowledged, or a query that was answered.
	Succeeded
	// Refused is a write that the bank said no to: the funds are insufficient.
	Refused
	// Failed is an event that failed by name: Received.Err says at which branch
	// and why.
	Failed
)

// Received is what a customer received for one event.
type Received struct {
	// ID is the event's id; where it has none, its number among the customer
	// element's events, from 1.
	ID        int64
	Interface Interface
	// Branch is the branch that the event was sent to.
	Branch  int64
	Outcome Outcome
	// Balance is the balance that a query showed, or that of the account right
	// after a write; 0 unless the event succeeded.
	Balance int64
	// Unreachable are the branches that had not confirmed a write when it was
	// acknowledged.
	Unreachable []uint32
	// Err is set when the event was refused or failed, or when it is not known
	// what became of it.
	Err error
}

// ErrFailFast says that a replay was stopped because Options.FailFast is set.
var ErrFailFast = errors.New("an event got no answer")

// errStopped says that a replay was stopped while a write was under way.
var errStopped = errors.New("it had no answer yet when the replay was stopped; it is not known whether it was recorded")

// ErrUnknownBranch says that an event's branch does not exist.
var ErrUnknownBranch = errors.New("does not exist")

// NewCustomer returns a customer by itself, outside of a replay. Its request
// ids are its own: another Customer of the same input is another customer.
func NewCustomer(input Element, options Options) *Customer {
	alone := &Input{Customers: []Element{input}}
	return newRun(options, len(input.Events)).customer(1, input, alone.numbers()[0])
}

// Stub returns the client for a branch (the course's createStub), and the URL
// it calls. It does not connect yet. It returns [ErrUnknownBranch] if there is
// no such branch.
func (c *Customer) Stub(branch int64) (bankv1connect.BranchServiceClient, string, error) {
	s, err := c.run.stub(branch)
	return s.client, s.address, err
}

// ExecuteEvents executes all events in order (the course's executeEvents), each
// after the answer to the one before. An event that is refused or fails does
// not stop the others. It returns an error only if ctx ends first.
func (c *Customer) ExecuteEvents(ctx context.Context) error {
	return c.execute(ctx, func(Event) bool { return true })
}

// Received returns the outcome of each event, in the order of the input (the
// course's recvMsg).
func (c *Customer) Received() []Received {
	return slices.Clone(c.received)
}

// execute executes the wanted events in order.
func (c *Customer) execute(ctx context.Context, wanted func(Event) bool) error {
	for i, e := range c.input.Events {
		if !wanted(e) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if sends := c.run.options.Sends; sends != nil {
			sends(c.input.ID, e)
		}
		reply, err := c.call(ctx, i)
		if err != nil && ctx.Err() != nil {
			if errors.Is(err, errStopped) {
				c.received[i].Err = err
			}
			return ctx.Err()
		}
		c.receive(i, reply, err)
		if receives := c.run.options.Receives; receives != nil {
			receives(c.input.ID, e, c.received[i])
		}
		c.run.progress()
		if c.run.options.FailFast && c.received[i].Outcome == Failed {
			c.run.stop(ErrFailFast)
		}
	}
	return nil
}

// receive records the outcome of event i.
func (c *Customer) receive(i int, reply reply, err error) {
	r := &c.received[i]
	r.Err = err
	failed := ErrorOf(err)
	switch {
	case err == nil:
		r.Outcome, r.Balance, r.Unreachable = Succeeded, reply.balance, reply.unreachable
		if reply.session != "" {
			*c.session = reply.session
		}
	case failed != nil && failed.Refused():
		r.Outcome = Refused
	default:
		r.Outcome = Failed
	}
}

// run is the state that the customers of one replay share.
type run struct {
	options Options
	// id starts every request id. It is random: another replay of the same file
	// is meant to count again.
	id string

	mu       sync.Mutex
	stubs    map[int64]stub
	sessions map[int64]*string // by customer id
	clocks   map[int64]*clock  // by customer id
	done     int               // events
	total    int

	reach reach
	// stop stops the replay.
	stop context.CancelCauseFunc
}

// stub is a client for one branch.
type stub struct {
	client  bankv1connect.BranchServiceClient
	address string
}

func newRun(options Options, total int) *run {
	return &run{
		options:  options.withDefaults(),
		id:       rand.Text(),
		stubs:    make(map[int64]stub),
		sessions: make(map[int64]*string),
		clocks:   make(map[int64]*clock),
		total:    total,
		stop:     func(error) {},
	}
}

// customer returns the customer of the element with that number.
func (r *run) customer(element int, input Element, numbers []int64) *Customer {
	if r.sessions[input.ID] == nil {
		r.sessions[input.ID] = new(string)
		r.clocks[input.ID] = new(clock)
	}
	c := &Customer{
		run:      r,
		input:    input,
		requests: fmt.Sprintf("%s-%d", r.id, element),
		session:  r.sessions[input.ID],
		clock:    r.clocks[input.ID],
		numbers:  numbers,
		received: make([]Received, len(input.Events)),
	}
	for i, e := range input.Events {
		c.received[i] = Received{ID: int64(i + 1), Interface: e.Interface, Branch: e.Branch}
		if e.HasID {
			c.received[i].ID = e.ID
		}
	}
	return c
}

// stub returns the client for a branch, the same one each time.
func (r *run) stub(branch int64) (stub, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.stubs[branch]; ok {
		return s, nil
	}
	address := ""
	if branch > 0 && branch <= math.MaxUint32 {
		address = r.options.Address(uint32(branch))
	}
	if address == "" {
		return stub{}, fmt.Errorf("branch %d %w", branch, ErrUnknownBranch)
	}
	s := stub{
		client: bankv1connect.NewBranchServiceClient(r.options.HTTPClient, address,
			connect.WithReadMaxBytes(maxReplyBytes)),
		address: address,
	}
	r.stubs[branch] = s
	return s, nil
}

// progress counts an event and tells the callback, one at a time.
func (r *run) progress() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.options.Progress != nil {
		r.options.Progress(r.done, r.total)
	}
}
