package answers

import (
	"fmt"

	"passbook.example/passbook/customer"
)

// The results of writes.
const (
	success = "success"
	fail    = "fail"
)

// task is an input as a list of events, in the order in which customers that run one
// after the other execute them.
type task struct {
	input  *customer.Input
	events []*event
}

// event is an event of the input, and what is expected of it.
type event struct {
	*customer.Event
	// customer is the customer's id, element the number of its element, and number that
	// of the event in it, from 1; label is the id that the event has in the file.
	customer        int64
	element, number int
	label           int64
	// stray says that there is no such branch, so the event fails by name.
	stray bool
	// result and balance are what is expected of a write and of a query.
	result  string
	balance int64
	// had is the balance that a withdrawal found.
	had int64
}

func newTask(in *customer.Input, labels [][]int64) *task {
	known := make(map[int64]bool)
	for _, b := range in.Branches {
		known[int64(b.ID)] = true
	}
	t := &task{input: in}
	for i := range in.Customers {
		c := &in.Customers[i]
		for j := range c.Events {
			e := &event{Event: &c.Events[j], customer: c.ID, element: i + 1, number: j + 1, label: -1}
			e.stray = !known[e.Branch]
			if i < len(labels) && j < len(labels[i]) {
				e.label = labels[i][j]
			}
			t.events = append(t.events, e)
		}
	}
	return t
}

// query reports whether the event is a query.
func (e *event) query() bool { return e.Interface == customer.Query }

// where returns the event's place in the input, and what it asks for.
func (e *event) where(file string) string {
	return fmt.Sprintf("%s:%d, %s", file, e.Line, e.words())
}

// words describes the event: "deposit of 10 by customer 3 at branch 3".
func (e *event) words() string {
	what := string(e.Interface)
	if !e.query() {
		what += fmt.Sprintf(" of %d", e.Amount)
	}
	return fmt.Sprintf("%s by customer %d at branch %d", what, e.customer, e.Branch)
}

// accounts are balances by account.
type accounts map[string]int64

// apply executes a write if there is enough, and returns whether it did. A balance that
// would be too large for 64 bits refuses the deposit, as the bank does.
func (a accounts) apply(e *event) bool {
	from, to := e.effect()
	if from != nil && a[*from] < e.Amount {
		return false
	}
	if to != nil && a[*to]+e.Amount < a[*to] {
		return false
	}
	if from != nil {
		a[*from] -= e.Amount
	}
	if to != nil {
		a[*to] += e.Amount
	}
	return true
}

// effect returns the accounts from which and to which a write moves its amount; nil for
// outside of the bank.
func (e *event) effect() (from, to *string) {
	switch e.Interface {
	case customer.Deposit:
		return nil, &e.Account
	case customer.Withdraw:
		return &e.Account, nil
	case customer.Transfer:
		return &e.Account, &e.To
	}
	return nil, nil
}

// expect finds what is expected of customers that run one after the other.
func (t *task) expect() {
	balances := accounts{"": t.input.Opening()}
	for _, e := range t.events {
		e.had = balances[e.Account]
		switch {
		case e.stray:
			e.result = fail
		case e.query():
			e.balance = balances[e.Account]
		case balances.apply(e):
			e.result = success
		default:
			e.result = fail
		}
	}
}
