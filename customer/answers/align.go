package answers

import (
	"cmp"
	"slices"
)

// maxCells bounds the table in which two lists are aligned.
const maxCells = 4 << 20

// pair says that an event and an answer belong together; -1 stands for none.
type pair struct{ event, answer int }

// align pairs the items of two lists, in the order of both, so that what differs is as
// little as possible. cost says how much a pair differs, and is negative for one that
// can't be. An item without a partner costs alone.
func alignLists(n, m int, alone int, cost func(i, j int) int) []pair {
	var head, tail []pair
	first := 0
	for first < n && first < m && cost(first, first) == 0 {
		head = append(head, pair{first, first})
		first++
	}
	for n > first && m > first && cost(n-1, m-1) == 0 {
		n, m = n-1, m-1
		tail = append(tail, pair{n, m})
	}
	slices.Reverse(tail)
	var middle []pair
	if (n-first+1)*(m-first+1) > maxCells {
		middle = inTurn(first, n, m)
	} else {
		middle = table(first, n, m, alone, cost)
	}
	return slices.Concat(head, middle, tail)
}

// inTurn pairs items by their places alone.
func inTurn(first, n, m int) (pairs []pair) {
	for i := first; i < max(n, m); i++ {
		p := pair{i, i}
		if i >= n {
			p.event = -1
		}
		if i >= m {
			p.answer = -1
		}
		pairs = append(pairs, p)
	}
	return pairs
}

// table pairs the items from first on, with the table of the edit distance.
func table(first, n, m, alone int, cost func(i, j int) int) (pairs []pair) {
	rows, columns := n-first+1, m-first+1
	best := make([]int32, rows*columns)
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if i == rows-1 || j == columns-1 {
				best[i*columns+j] = int32(alone * (rows - 1 - i + columns - 1 - j))
				continue
			}
			least := min(best[(i+1)*columns+j], best[i*columns+j+1]) + int32(alone)
			if c := cost(first+i, first+j); c >= 0 {
				least = min(least, best[(i+1)*columns+j+1]+int32(c))
			}
			best[i*columns+j] = least
		}
	}
	for i, j := 0, 0; i < rows-1 || j < columns-1; {
		if i < rows-1 && j < columns-1 {
			if c := cost(first+i, first+j); c >= 0 && best[i*columns+j] == best[(i+1)*columns+j+1]+int32(c) {
				pairs = append(pairs, pair{first + i, first + j})
				i, j = i+1, j+1
				continue
			}
		}
		if i < rows-1 && best[i*columns+j] == best[(i+1)*columns+j]+int32(alone) {
			pairs = append(pairs, pair{first + i, -1})
			i++
			continue
		}
		pairs = append(pairs, pair{-1, first + j})
		j++
	}
	return pairs
}

// align finds which answer belongs to which event. The answers of customers that run one
// after the other are in the input's order; of others, those of each customer.
func (c *checker) align() {
	events, answers := slices.Clone(c.events), slices.Clone(c.out.answers)
	if c.verdict.Mode == Concurrent {
		rank := make(map[int64]int)
		for i, e := range c.events {
			if _, ok := rank[e.customer]; !ok {
				rank[e.customer] = i
			}
		}
		of := func(id int64) int {
			if r, ok := rank[id]; ok {
				return r
			}
			return len(c.events)
		}
		slices.SortStableFunc(events, func(a, b *event) int { return cmp.Compare(of(a.customer), of(b.customer)) })
		slices.SortStableFunc(answers, func(a, b *answer) int { return cmp.Compare(of(a.customer), of(b.customer)) })
	}
	at := make(map[*event]int)
	for i, e := range c.events {
		at[e] = i
	}
	const alone = 3
	last := -1
	var lone []pair // answers without events, with the last answer's event before them
	for _, p := range alignLists(len(events), len(answers), alone, func(i, j int) int { return c.distance(events[i], answers[j]) }) {
		switch {
		case p.answer < 0:
		case p.event < 0:
			lone = append(lone, pair{last, p.answer})
		default:
			last = at[events[p.event]]
			c.answered[last] = answers[p.answer]
			answers[p.answer].used = true
		}
	}
	for _, p := range lone {
		c.misplaced(answers[p.answer])
	}
	c.missing()
}

// distance says how much an answer differs from what is expected of an event; -1 if it
// can't be the event's.
func (c *checker) distance(e *event, a *answer) int {
	if e.customer != a.customer || a.word != "" && a.word != string(e.Interface) {
		return -1
	}
	if c.verdict.Mode == Concurrent || e.stray {
		return 0
	}
	d := 0
	if a.word == "" {
		d++
	}
	if e.query() && (a.balance == nil || *a.balance != e.balance) || !e.query() && a.result != e.result {
		d++
	}
	if a.branch != nil && *a.branch != e.Branch {
		d++
	}
	return d
}

// misplaced tells of an answer that has no event at its place: it may be that of an event
// elsewhere.
func (c *checker) misplaced(a *answer) {
	for i, e := range c.events {
		if len(c.verdict.Differences) >= maxReasons {
			break
		}
		if c.answered[i] == nil && c.distance(e, a) == 0 {
			c.answered[i] = a
			a.used = true
			c.moved[i] = true
			if i == 0 || !c.moved[i-1] || c.answered[i-1].element != a.element {
				c.differ(a.place, e, "", "out of order: the answers are in the order of the input's events")
			}
			return
		}
	}
	what := "an answer"
	if a.word != "" {
		what = "a " + a.word
	}
	c.differ(a.place, nil, "", "%s that customer %d did not ask for, or not here, or not so often", what, a.customer)
}

// missing tells of events without answers, those of a whole element at once.
func (c *checker) missing() {
	for i := 0; i < len(c.events); i++ {
		if c.answered[i] != nil || c.events[i].stray {
			continue
		}
		e, n := c.events[i], 1
		for i+1 < len(c.events) && c.answered[i+1] == nil && c.events[i+1].element == e.element {
			i++
			n++
		}
		at := place{offset: c.out.end}
		for j := i + 1; j < len(c.events); j++ {
			if c.answered[j] != nil {
				at = c.answered[j].place
				break
			}
		}
		if n > 1 {
			c.differ(at, e, "", "%d answers of customer %d are missing before this, from %q on", n, e.customer, e.Interface)
			continue
		}
		c.differ(at, e, "", "an answer of customer %d is missing before this: %s", e.customer, e.expected())
	}
}

// shape checks which answers are in one element: those of a customer element, or each its
// own.
func (c *checker) shape() {
	owner := make(map[int]*event) // by the output's element
	for i, e := range c.events {
		a := c.answered[i]
		if a == nil {
			continue
		}
		first, taken := owner[a.element]
		switch {
		case !taken:
			owner[a.element] = e
		case c.verdict.Form == Consistency:
			c.differ(a.place, e, "", "each event has an element of its own in this form; this one has more, and maybe others, too")
			return
		case first.element != e.element:
			c.differ(a.place, e, "", "each customer element of the input has an element of its own, also where an id occurs again; this one has the answers of several, and maybe others, too")
			return
		}
		if i > 0 && c.verdict.Form == Basic && c.events[i-1].element == e.element && c.answered[i-1] != nil && c.answered[i-1].element != a.element {
			c.differ(a.place, e, "", "all answers of a customer element are in one element; these are in several, and maybe others, too")
			return
		}
	}
}
