package answers

import (
	"cmp"
	"fmt"
	"slices"

	"passbook.example/passbook/customer"
)

// expected says what is expected of an event.
func (e *event) expected() string {
	if e.query() && !e.stray {
		return fmt.Sprintf("balance %d", e.balance)
	}
	return fmt.Sprintf("result %q", e.result)
}

// compareAll compares each answer with what is expected.
func (c *checker) compareAll() {
	for i, e := range c.events {
		if a := c.answered[i]; a != nil {
			c.compareKeys(e, a)
			c.compare(i, e, a)
		}
	}
}

// compareKeys compares what does not depend on the order of events.
func (c *checker) compareKeys(e *event, a *answer) {
	if c.verdict.Form != Basic && c.verdict.Form != Consistency {
		return
	}
	if a.word == "" {
		c.differ(a.place, e, "", `"interface" is missing; it must be %q`, e.Interface)
	}
	switch {
	case a.branch == nil && c.verdict.Form == Consistency && !e.stray:
		c.differ(a.place, e, "", `"branch" is missing; it must be %d`, e.Branch)
	case a.branch != nil && *a.branch != e.Branch:
		c.differ(a.place, e, "", "branch must be %d, got %d", e.Branch, *a.branch)
	}
}

// compare compares an answer with the one that is expected.
func (c *checker) compare(i int, e *event, a *answer) {
	switch {
	case e.stray:
		if a.result == success || a.balance != nil && e.query() {
			c.differ(a.place, e, fmt.Sprintf("there is no branch %d", e.Branch), `result must be "fail", got %s`, a.got())
		}
	case e.query():
		c.compareBalance(i, e, a)
	case a.result != e.result:
		reason := ""
		if e.Interface != customer.Deposit {
			reason = fmt.Sprintf("the account has %d", e.had)
		}
		c.differ(a.place, e, reason, "result must be %q, got %s", e.result, a.got())
	}
}

// got describes an answer.
func (a *answer) got() string {
	switch {
	case a.result != "":
		return fmt.Sprintf("%q", a.result)
	case a.balance != nil:
		return fmt.Sprintf("balance %d", *a.balance)
	case a.badNumber != "":
		return a.badNumber
	}
	return "nothing"
}

// compareBalance compares the answer to a query.
func (c *checker) compareBalance(i int, e *event, a *answer) {
	if a.balance == nil {
		c.differ(a.place, e, "", "balance must be %d, got %s", e.balance, a.got())
		return
	}
	if *a.balance != e.balance {
		c.differ(a.place, e, c.staleness(i, *a.balance), "balance must be %d, got %d", e.balance, *a.balance)
	}
}

// staleness says which writes a balance lacks, if it is one that the account had before:
// those of the customer itself, which it must see wherever it asks, or of others.
func (c *checker) staleness(i int, balance int64) string {
	if len(c.verdict.Differences) >= maxReasons {
		return ""
	}
	query := c.events[i]
	at := query.balance
	for j := i - 1; j >= 0; j-- {
		e := c.events[j]
		if e.query() || e.result != success {
			continue
		}
		from, to := e.effect()
		if from != nil && *from == query.Account {
			at += e.Amount
		}
		if to != nil && *to == query.Account {
			at -= e.Amount
		}
		if at != balance {
			continue
		}
		text := fmt.Sprintf("that was the balance before the %s (%s:%d)", e.words(), c.input.Name, e.Line)
		if e.customer == query.customer {
			text += ", and a customer sees its own writes"
		}
		return text
	}
	return ""
}

// alignBalances finds which element without "recv" belongs to which query: in the form of
// before 2023 the last one of a customer element, in the one of 2025 each, by its id.
func (c *checker) alignBalances() {
	var wanted []int
	for i, e := range c.events {
		if !e.query() || e.stray {
			continue
		}
		if c.verdict.Form == Final && len(wanted) > 0 && c.events[wanted[len(wanted)-1]].element == e.element {
			wanted[len(wanted)-1] = i
			continue
		}
		wanted = append(wanted, i)
	}
	id := func(e *event) int64 {
		if c.verdict.Form == MonotonicWrites {
			return e.label
		}
		return e.customer
	}
	elements := slices.Clone(c.out.elements)
	if c.verdict.Mode == Concurrent { // in any order, but for those of one id
		slices.SortStableFunc(wanted, func(a, b int) int { return cmp.Compare(id(c.events[a]), id(c.events[b])) })
		slices.SortStableFunc(elements, func(a, b element) int { return cmp.Compare(a.id, b.id) })
	}
	const alone = 3
	for _, p := range alignLists(len(wanted), len(elements), alone, func(i, j int) int {
		return c.distanceOfBalance(c.events[wanted[i]], id, &elements[j])
	}) {
		switch {
		case p.event < 0:
			el := elements[p.answer]
			c.differ(el.place, nil, "", "no query of the input belongs to this, in the form %s", c.verdict.Form)
		case p.answer < 0:
			e := c.events[wanted[p.event]]
			c.differ(place{offset: c.out.end}, e, "", "an element is missing: id %d, balance %d", id(e), e.balance)
		default:
			el := elements[p.answer]
			if el.balance != nil {
				c.answered[wanted[p.event]] = &answer{place: el.place, customer: el.id, balance: el.balance}
			}
		}
	}
}

func (c *checker) distanceOfBalance(e *event, id func(*event) int64, el *element) int {
	switch {
	case el.id != id(e):
		return -1
	case c.verdict.Mode == Sequential && (el.balance == nil || *el.balance != e.balance):
		return 1
	}
	return 0
}
