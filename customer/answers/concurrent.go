package answers

import (
	"fmt"
	"maps"
	"slices"

	"passbook.example/passbook/customer"
)

// explain judges the answers of customers that ran at once: each customer's writes stay in
// order, and every query comes after all writes. The answers are right if there is some
// order of the writes that explains all of them.
func (c *checker) explain() {
	structural := len(c.verdict.Differences) > 0
	results := c.results()
	finals, known := c.finals(results)
	if known {
		c.overdrawn(results, finals)
	}
	c.compareQueries(finals, known)
	if structural || len(c.verdict.Differences) > 0 {
		return // it is wrong already, and a search would explain what is there only
	}
	if c.bounds(results); len(c.verdict.Differences) > 0 {
		return
	}
	switch newSearch(c.task, results, finals).run() {
	case none:
		at := place{offset: 0}
		for i, a := range c.answered {
			if a != nil && c.events[i].Interface == customer.Withdraw {
				at = a.place
				break
			}
		}
		c.differ(at, nil, "", "no order of the customers' writes explains all results and balances together")
	case unknown:
		c.verdict.Undecided = true
	}
}

// results returns what the output says of each write: success, fail, or nothing in the
// forms that have balances alone.
func (c *checker) results() []string {
	results := make([]string, len(c.events))
	for i, e := range c.events {
		a := c.answered[i]
		if a != nil {
			c.compareKeys(e, a)
		}
		switch {
		case e.stray:
			results[i] = fail
			if a != nil {
				c.compare(i, e, a)
			}
		case e.query() || a == nil:
		case a.result == success || a.result == fail:
			results[i] = a.result
		default:
			c.differ(a.place, e, "", `result must be "success" or "fail", got %s`, a.got())
		}
		if e.Interface == customer.Deposit && a != nil && a.result == fail && !e.stray {
			c.differ(a.place, e, "a deposit is never refused", `result must be "success", got "fail"`)
		}
	}
	return results
}

// finals returns the balance of each account after all writes, as far as the results tell
// it; where they don't, the one that most queries show. known says which it is.
func (c *checker) finals(results []string) (finals accounts, known bool) {
	finals, known = accounts{"": c.input.Opening()}, true
	votes := make(map[string]map[int64]int)
	for i, e := range c.events {
		switch a := c.answered[i]; {
		case e.stray:
		case e.query():
			if a != nil && a.balance != nil {
				if votes[e.Account] == nil {
					votes[e.Account] = make(map[int64]int)
				}
				votes[e.Account][*a.balance]++
			}
		case results[i] == "":
			known = false
		case results[i] == success:
			from, to := e.effect()
			if from != nil {
				finals[*from] -= e.Amount
			}
			if to != nil {
				finals[*to] += e.Amount
			}
		}
	}
	if known {
		return finals, true
	}
	finals = make(accounts)
	for account, of := range votes {
		values := slices.Sorted(maps.Keys(of))
		finals[account] = slices.MaxFunc(values, func(a, b int64) int { return of[a] - of[b] })
	}
	return finals, false
}

// overdrawn tells of accounts from which more was taken than there ever was, at the first
// write that goes too far in the input's order.
func (c *checker) overdrawn(results []string, finals accounts) {
	got, taken := accounts{"": c.input.Opening()}, make(accounts)
	for i, e := range c.events {
		e.changes(results[i], func(account string, change int64, _ bool) {
			if change > 0 {
				got[account] += change
			}
		})
	}
	told := make(map[string]bool)
	for i, e := range c.events {
		e.changes(results[i], func(account string, change int64, _ bool) {
			if change >= 0 || finals[account] >= 0 || told[account] {
				return
			}
			if taken[account] -= change; taken[account] > got[account] {
				told[account] = true
				c.differ(c.answered[i].place, e, fmt.Sprintf("all withdrawals that succeeded take %d together, and the account never had more than %d", got[account]-finals[account], got[account]),
					`not all results can be "success", whatever the order`)
			}
		})
	}
}

// compareQueries compares all queries with the balances at the end.
func (c *checker) compareQueries(finals accounts, known bool) {
	reason := "queries come after all writes, and most show that"
	if known {
		reason = "queries come after all writes, and that is what is left of those that succeeded"
	}
	for i, e := range c.events {
		a := c.answered[i]
		if !e.query() || e.stray || a == nil {
			continue
		}
		switch want := finals[e.Account]; {
		case want < 0: // that is told already, and no balance would be right
		case a.balance == nil:
			c.differ(a.place, e, "", "balance must be %d, got %s", want, a.got())
		case *a.balance != want:
			c.differ(a.place, e, reason, "balance must be %d, got %d", want, *a.balance)
		}
	}
}

// holder is a customer's part in an account.
type holder struct {
	customer int64
	account  string
}

// span is what a customer's writes so far have changed an account by: between low and
// high, as some results may not be known. least and most are the lowest and highest that
// it ever was.
type span struct{ low, high, least, most int64 }

// add adds a change of an account, whose result may not be known.
func (s *span) add(change int64, known bool) {
	low, high := change, change
	if !known {
		low, high = min(low, 0), max(high, 0)
	}
	s.low, s.high = s.low+low, s.high+high
	s.least, s.most = min(s.least, s.low), max(s.most, s.high)
}

// changes calls yield with each account that a write changes, unless it failed.
func (e *event) changes(result string, yield func(account string, change int64, known bool)) {
	if result == fail {
		return
	}
	from, to := e.effect()
	if from != nil {
		yield(*from, -e.Amount, result == success)
	}
	if to != nil {
		yield(*to, e.Amount, result == success)
	}
}

// bounds checks each withdrawal and transfer alone: whether the account can have had so
// much, or so little, at any moment at which the customer may have asked for it. Its own
// writes come in order, and those of others as far as it takes.
func (c *checker) bounds(results []string) {
	if len(c.events) > maxMoves {
		return // the search says so
	}
	whole := make(map[holder]*span)
	c.spans(results, whole, func(int, *event) {})
	least, most := make(accounts), make(accounts)
	for h, s := range whole {
		least[h.account] += s.least
		most[h.account] += s.most
	}
	opening := accounts{"": c.input.Opening()}
	soFar := make(map[holder]*span)
	c.spans(results, soFar, func(i int, e *event) {
		from, _ := e.effect()
		a := c.answered[i]
		if from == nil || a == nil {
			return
		}
		var own, all span
		h := holder{e.customer, *from}
		if s := soFar[h]; s != nil {
			own = *s
		}
		if s := whole[h]; s != nil {
			all = *s
		}
		low := opening[*from] + own.low + least[*from] - all.least
		high := opening[*from] + own.high + most[*from] - all.most
		switch {
		case results[i] == fail && low >= e.Amount:
			c.differ(a.place, e, fmt.Sprintf("the account never has less than %d when it is asked for, in whatever order", low), `result must be "success", got "fail"`)
		case results[i] == success && high < e.Amount:
			c.differ(a.place, e, fmt.Sprintf("the account never has more than %d when it is asked for, in whatever order", high), `result must be "fail", got "success"`)
		}
	})
}

// spans adds up what customers change, and calls yield before each write.
func (c *checker) spans(results []string, sums map[holder]*span, yield func(i int, e *event)) {
	for i, e := range c.events {
		if e.stray || e.query() {
			continue
		}
		yield(i, e)
		e.changes(results[i], func(account string, change int64, known bool) {
			h := holder{e.customer, account}
			if sums[h] == nil {
				sums[h] = &span{}
			}
			sums[h].add(change, known)
		})
	}
}
