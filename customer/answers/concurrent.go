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
		case a.balance == nil:
			c.differ(a.place, e, "", "balance must be %d, got %s", want, a.got())
		case *a.balance != want:
			c.differ(a.place, e, reason, "balance must be %d, got %d", want, *a.balance)
		}
	}
}

// bounds checks each withdrawal and transfer alone: whether the account can have had so
// much, or so little, at any moment at which it may have been asked for.
func (c *checker) bounds(results []string) {
	gains, losses := make(accounts), make(accounts)
	for i, e := range c.events {
		if results[i] == success || results[i] == "" {
			from, to := e.effect()
			if from != nil {
				losses[*from] += e.Amount
			}
			if to != nil {
				gains[*to] += e.Amount
			}
		}
	}
	if len(c.events) > maxMoves {
		return // the search says so
	}
	own := make(map[int64]struct{ gained, lost accounts })
	opening := accounts{"": c.input.Opening()}
	for i, e := range c.events {
		if e.stray || e.query() || results[i] == "" {
			continue
		}
		if own[e.customer].gained == nil {
			own[e.customer] = struct{ gained, lost accounts }{make(accounts), make(accounts)}
		}
		mine := own[e.customer]
		from, to := e.effect()
		if from != nil {
			least := opening[*from] + mine.gained[*from] - c.lostBefore(losses, results, e, i)
			most := opening[*from] + gains[*from] - mine.lost[*from]
			switch a := c.answered[i]; {
			case a == nil:
			case results[i] == fail && least >= e.Amount:
				c.differ(a.place, e, fmt.Sprintf("the account never has less than %d when it is asked for, in whatever order", least), `result must be "success", got "fail"`)
			case results[i] == success && most < e.Amount:
				c.differ(a.place, e, fmt.Sprintf("the account never has more than %d when it is asked for, in whatever order", most), `result must be "fail", got "success"`)
			}
		}
		if results[i] == success {
			if from != nil {
				mine.lost[*from] += e.Amount
			}
			if to != nil {
				mine.gained[*to] += e.Amount
			}
		}
	}
}

// lostBefore returns how much an account can have lost at most before an event: all that
// it loses at all, but for what the same customer takes later.
func (c *checker) lostBefore(losses accounts, results []string, e *event, at int) int64 {
	lost := losses[e.Account]
	for i := at + 1; i < len(c.events); i++ {
		later := c.events[i]
		if from, _ := later.effect(); later.customer == e.customer && from != nil && *from == e.Account && results[i] != fail {
			lost -= later.Amount
		}
	}
	return lost
}
