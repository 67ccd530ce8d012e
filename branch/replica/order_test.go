package replica_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// shuffle is a bank in which any message on its way may be the next to arrive, and
// customers call at any moment. A network with latencies, as the simulation has, reaches
// few of the orders that are possible.
type shuffle struct {
	*bank
	rng *rand.Rand
	// slow says that frames take much longer than calls.
	slow bool
	// moment counts what happens.
	moment int64
	// made are the calls, by their ids; writes are the first calls of all requests, and
	// queries counts the queries.
	made    map[uint64]*shuffled
	writes  []*shuffled
	queries int
	// ops are what customers were told.
	ops []porcupine.Operation
}

// shuffled is a call.
type shuffled struct {
	entry ledger.Entry    // without a kind for a query
	home  ledger.BranchID // of its request id
	// first is the first call with the request id.
	first *shuffled
	// began is when it was made, told when a customer first was told that the request is
	// recorded, as far as this is the first call.
	began, told int64
}

// finding is what an operation does: it changes the balance by an amount, or finds it to
// be that, or below.
type finding struct {
	what   string
	amount ledger.Amount
}

// shuffleOpening is the opening balance.
const shuffleOpening = 30

var shuffleModel = porcupine.Model{
	Init: func() any { return ledger.Amount(shuffleOpening) },
	Step: func(state, input, _ any) (bool, any) {
		balance, f := state.(ledger.Amount), input.(finding)
		switch f.what {
		case "changes it":
			return balance+f.amount >= 0, balance + f.amount
		case "is below":
			return balance < f.amount, balance
		}
		return balance == f.amount, balance
	},
}

func newShuffle(t *testing.T, seed uint64, branches int) *shuffle {
	s := &shuffle{bank: quietBank(t, branches, shuffleOpening), rng: rand.New(rand.NewPCG(seed, 1)), slow: seed/2%2 == 0, made: map[uint64]*shuffled{}}
	s.onReply = s.answered
	return s
}

// answered notes what a customer is told.
func (s *shuffle) answered(n *node, r *protocol.Reply) {
	delete(n.calls, r.ID)
	c := s.made[r.ID]
	var insufficient *protocol.InsufficientError
	var misuse *protocol.RequestError
	switch {
	case errors.As(r.Err, &misuse) && misuse.At.Sequence > 0, r.Receipt.Sequence > 0:
		c.first.told = min(c.first.told, s.moment)
	case errors.As(r.Err, &insufficient):
		s.found(c, finding{"is below", insufficient.Amount})
	case r.Err == nil && c.entry.Kind == 0:
		s.found(c, finding{"is", r.Balance})
	}
}

func (s *shuffle) found(c *shuffled, f finding) {
	s.ops = append(s.ops, porcupine.Operation{ClientId: len(s.ops), Input: f, Call: c.began, Return: s.moment})
}

// call makes a call at a branch.
func (s *shuffle) call(n *node, c *shuffled, level protocol.Level, within protocol.Millis) {
	s.calls++
	n.calls[s.calls] = pendingCall{}
	c.began, c.told = s.moment, math.MaxInt64
	s.made[s.calls] = c
	if c.entry.Kind == 0 {
		n.replica.Ask(protocol.Query{ID: s.calls, Account: ledger.SharedAccount, Strong: true, Deadline: s.now + within})
	} else {
		n.replica.Submit(protocol.Operation{ID: s.calls, Entry: c.entry, Home: c.home, Acknowledge: level, Deadline: s.now + within})
	}
	s.turn(n)
}

// ask makes a query or a new write. Deposits differ, so that balances tell them apart.
func (s *shuffle) ask(n *node) {
	c := &shuffled{entry: ledger.Entry{Account: ledger.SharedAccount}, home: n.id}
	c.first = c
	level := []protocol.Level{protocol.Local, protocol.Local, protocol.Local, protocol.Reachable, protocol.Nearest}[s.rng.IntN(5)]
	within := []protocol.Millis{100_000, 100_000, 100_000, 40}[s.rng.IntN(4)]
	k, e := len(s.writes), &c.entry
	switch what := s.rng.IntN(8); {
	case what < 2 && s.queries == 5, what >= 2 && k == 10:
		return
	case what < 2:
		s.queries++
		s.call(n, c, level, within)
		return
	case what < 5:
		e.Kind, e.Amount = ledger.Deposit, 1<<k
	case what == 5:
		e.Kind, e.Amount = ledger.Withdrawal, ledger.Amount(1+s.rng.IntN(12))
	default: // about all that there is
		e.Kind, e.Amount = ledger.Withdrawal, max(1, s.balance()+ledger.Amount(s.rng.IntN(24))-4)
	}
	e.RequestID = fmt.Sprint("request ", k)
	s.writes = append(s.writes, c)
	s.call(n, c, level, within)
}

// balance is that over all branches now.
func (s *shuffle) balance() (sum ledger.Amount) {
	for i, n := range s.nodes {
		if n.replica != nil {
			sum += n.replica.Ledger().Paid(ledger.SharedAccount, i)
		}
	}
	return sum
}

// askAgain sends a write again to some branch, if no customer knows that it is recorded.
// Now and then somebody misuses its request id.
func (s *shuffle) askAgain(n *node) {
	unknown := slices.DeleteFunc(slices.Clone(s.writes), func(c *shuffled) bool { return c.told < math.MaxInt64 })
	if len(unknown) == 0 {
		return
	}
	c := *unknown[s.rng.IntN(len(unknown))]
	if s.rng.IntN(5) == 0 {
		c.entry.Amount++
	}
	s.call(n, &c, protocol.Local, 100_000)
}

// arrive lets one of the messages on their way arrive. The frames of a link keep their
// order.
func (s *shuffle) arrive() {
	if len(s.transit) == 0 {
		return
	}
	k := s.rng.IntN(len(s.transit))
	if m := s.transit[k]; m.Frame != nil {
		if s.slow && s.rng.IntN(6) > 0 {
			return
		}
		k = slices.IndexFunc(s.transit, func(o protocol.Message) bool { return o.Frame != nil && o.From == m.From && o.To == m.To })
	}
	m := s.transit[k]
	s.transit = slices.Delete(s.transit, k, k+1)
	s.receive(m)
}

// step lets something happen.
func (s *shuffle) step(faults bool) {
	s.moment++
	n, other := s.nodes[s.rng.IntN(len(s.nodes))], s.nodes[s.rng.IntN(len(s.nodes))]
	switch k := s.rng.IntN(100); {
	case n.replica == nil:
		if k < 30 {
			s.restart(n, false)
		}
	case k < 76:
		s.arrive()
	case k < 86:
		s.ask(n)
	case k < 91:
		s.askAgain(n)
	case k < 95 || !faults || n == other:
		s.tick(protocol.Millis(1 + s.rng.IntN(20)))
	case k < 98 && s.severed[pair(n, other)]:
		s.heal(n, other)
	case k < 98:
		s.cut(n, other)
	case k < 99:
		s.tick(1500)
	default:
		s.crash(n)
	}
}

// finish lets everything come to an end, and returns what has happened.
func (s *shuffle) finish() []porcupine.Operation {
	s.moment++
	for i, n := range s.nodes {
		if n.replica == nil {
			s.restart(n, false)
		}
		for _, o := range s.nodes[:i] {
			s.heal(n, o)
		}
	}
	s.stabilize()
	recorded := map[string]*ledger.Entry{}
	for i, n := range s.nodes {
		for _, b := range n.disk.Journal(i) {
			for k := range b.Batch.Entries {
				recorded[b.Batch.Entries[k].RequestID] = &b.Batch.Entries[k]
			}
		}
	}
	for _, c := range s.writes {
		e := recorded[c.entry.RequestID] // perhaps that of a misuse
		if e == nil {
			continue
		}
		f := finding{"changes it", e.Amount}
		if e.Kind == ledger.Withdrawal {
			f.amount = -f.amount
		}
		s.ops = append(s.ops, porcupine.Operation{ClientId: len(s.ops), Input: f, Call: c.began, Return: c.told})
	}
	return s.ops
}

// Whatever the order in which messages arrive, writes, refusals and strong balances have
// an order.
func TestAnyOrderOfMessagesIsLinearizable(t *testing.T) {
	const runs = 6000
	found := map[string]int{}
	for seed := range uint64(runs) {
		s := newShuffle(t, seed, 3+int(seed%2))
		for range 60 + s.rng.IntN(200) {
			s.step(seed%3 == 0)
		}
		ops := s.finish()
		for _, o := range ops {
			found[o.Input.(finding).what]++
		}
		if got := porcupine.CheckOperationsTimeout(shuffleModel, ops, time.Minute); got != porcupine.Ok {
			slices.SortFunc(ops, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
			for _, o := range ops {
				t.Logf("%d to %d: %+v", o.Call, o.Return, o.Input)
			}
			t.Fatalf("seed %d: %s", seed, got)
		}
	}
	if found["is"] < runs || found["is below"] < runs/2 || found["changes it"] < 4*runs {
		t.Errorf("too little happens: %v", found)
	}
}
