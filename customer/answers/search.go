package answers

import (
	"cmp"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	// searchTime is how long a search for an order may take.
	searchTime = 5 * time.Second
	// maxMoves is how many writes are put in order.
	maxMoves = 4096
)

// finding is what a search for an order comes to.
type finding int

const (
	some finding = iota
	none
	unknown
)

// search looks for an order of the writes of customers that ran at once. Porcupine tries
// the orders; the rules of position leave out those that need not be tried.
type search struct {
	// programs are the writes of each customer, in its order.
	programs [][]move
	// twins has, for each program, the one before that is the same, or -1: they can take
	// turns, so that the earlier one is always ahead.
	twins []int
	// opening and finals are balances by account. A final one is only known where known
	// says so.
	opening, finals []int64
	known           []bool
}

// move is a write in a program. Accounts are numbers; -1 stands for outside of the bank.
type move struct {
	from, to int
	amount   int64
	// result is what the output says of it; empty if it says nothing.
	result string
}

func newSearch(t *task, results []string, finals accounts) *search {
	s := &search{}
	numbers, customers := make(map[string]int), make(map[int64]int)
	number := func(account *string) int {
		if account == nil {
			return -1
		}
		n, ok := numbers[*account]
		if !ok {
			n = len(numbers)
			numbers[*account] = n
			opening := int64(0)
			if *account == "" {
				opening = t.input.Opening()
			}
			final, known := finals[*account]
			s.opening, s.finals, s.known = append(s.opening, opening), append(s.finals, final), append(s.known, known)
		}
		return n
	}
	for i, e := range t.events {
		if e.stray || e.query() {
			continue
		}
		p, ok := customers[e.customer]
		if !ok {
			p = len(s.programs)
			customers[e.customer] = p
			s.programs = append(s.programs, nil)
		}
		from, to := e.effect()
		s.programs[p] = append(s.programs[p], move{number(from), number(to), e.Amount, results[i]})
	}
	s.pairTwins()
	return s
}

// pairTwins finds the programs that are the same.
func (s *search) pairTwins() {
	s.twins = make([]int, len(s.programs))
	for p := range s.programs {
		s.twins[p] = -1
		for q := p - 1; q >= 0 && s.twins[p] < 0; q-- {
			if slices.Equal(s.programs[q], s.programs[p]) {
				s.twins[p] = q
			}
		}
	}
}

// position is how far each program is, and the balances.
type position struct {
	at       []uint16
	balances []int64
	// open counts the moves left that failed, or of which nothing is known.
	open int
}

// turn is the operation that a program makes; program -1 is the end.
type turn struct{ program, index int }

// run looks for an order.
func (s *search) run() finding {
	start := position{at: make([]uint16, len(s.programs)), balances: s.opening}
	var ops []porcupine.Operation
	add := func(t turn) {
		ops = append(ops, porcupine.Operation{ClientId: len(ops), Input: t, Call: int64(len(ops)), Return: 2*maxMoves + int64(len(ops))})
	}
	for _, t := range s.turns() {
		add(t)
		if s.programs[t.program][t.index].result != success {
			start.open++
		}
	}
	add(turn{-1, 0})
	if len(ops) > maxMoves {
		return unknown
	}
	result := porcupine.CheckOperationsTimeout(porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, _ any) (bool, any) { return s.step(state.(position), input.(turn)) },
		Equal: func(a, b any) bool {
			return slices.Equal(a.(position).at, b.(position).at) && slices.Equal(a.(position).balances, b.(position).balances)
		},
	}, ops, searchTime)
	return map[porcupine.CheckResult]finding{porcupine.Ok: some, porcupine.Illegal: none, porcupine.Unknown: unknown}[result]
}

// turns returns all moves in the order in which they are tried: withdrawals before
// deposits, as those that failed wait for a low balance.
func (s *search) turns() []turn {
	var all []turn
	for p, program := range s.programs {
		for i := range program {
			all = append(all, turn{p, i})
		}
	}
	late := func(t turn) int64 {
		if m := s.programs[t.program][t.index]; m.from < 0 {
			return m.amount
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b turn) int { return cmp.Compare(late(a), late(b)) })
	return all
}

// step makes a move if it may be next.
func (s *search) step(from position, t turn) (bool, any) {
	if t.program < 0 {
		return s.over(from), from
	}
	if !s.mayBeNext(from, t) {
		return false, from
	}
	m := s.programs[t.program][t.index]
	enough := m.from < 0 || from.balances[m.from] >= m.amount
	if m.result == success && !enough || m.result == fail && enough {
		return false, from
	}
	next := position{at: slices.Clone(from.at), balances: from.balances, open: from.open}
	next.at[t.program]++
	if m.result != success {
		next.open--
	}
	if enough {
		next.balances = slices.Clone(from.balances)
		if m.from >= 0 {
			next.balances[m.from] -= m.amount
		}
		if m.to >= 0 {
			next.balances[m.to] += m.amount
		}
	}
	return true, next
}

// over reports whether all moves were made and the balances are those at the end.
func (s *search) over(p position) bool {
	for i, program := range s.programs {
		if int(p.at[i]) < len(program) {
			return false
		}
	}
	for i, final := range s.finals {
		if s.known[i] && p.balances[i] != final {
			return false
		}
	}
	return true
}

// mayBeNext reports whether a move need be tried next. If any order explains the answers,
// then one does that keeps to these rules: twins take turns; a withdrawal that failed, and
// would fail now, is made at once, as it changes nothing; and once no such is left,
// deposits are made at once, as they only help.
func (s *search) mayBeNext(from position, t turn) bool {
	if int(from.at[t.program]) != t.index || s.twins[t.program] >= 0 && int(from.at[s.twins[t.program]]) <= t.index {
		return false
	}
	for p, program := range s.programs {
		if int(from.at[p]) == len(program) {
			continue
		}
		m := program[from.at[p]]
		fails := m.result == fail && m.from >= 0 && from.balances[m.from] < m.amount
		helps := from.open == 0 && m.from < 0
		if fails || helps {
			return p == t.program
		}
	}
	return true
}
