package simulation

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// customer does one thing after the other, each at some branch, until it is
// answered or given up.
type customer struct {
	w        *world            // the run
	id       int64             // its CustomerID, from 1
	name     string            // what it has proven; empty for nothing
	home     *process          // the branch that it mostly calls
	sessions bool              // it sends its session with each call
	session  []ledger.Position // how far it has seen each journal
	requests int               // counts its writes, for their request ids
	think    int64             // the longest pause between two requests, in microseconds
	// last is the last write that succeeded.
	last *request
}

// request is one thing that a customer wants, with all tries at it.
type request struct {
	customer *customer // nil when done is set
	// entry is the write; a query has only the account.
	entry  ledger.Entry
	strong bool           // the query is exact over all branches
	level  protocol.Level // where a write must be before it is answered
	// home is the branch that was tried first.
	home ledger.BranchID
	// tries counts the calls, open the calls that are not answered.
	tries, open int
	// settled says that there is a final answer.
	settled bool
	// misuse says that the request id was used for something else.
	misuse bool
	// receipt and balance are those of the first success, by is its branch.
	receipt ledger.Position
	balance ledger.Amount
	by      ledger.BranchID
	// done, if set, gets the answer instead of the customer.
	done func(protocol.Reply)
}

func (r *request) write() bool { return r.entry.Kind != 0 }

// call is one try of a request at one branch.
type call struct {
	id       uint64            // not that of any other call of the run
	req      *request          // what it is a try of
	at       *process          // the branch that is called
	hops     int               // how many branches have forwarded it
	session  []ledger.Position // the customer's when the call began; nil for none
	deadline protocol.Millis   // on the branch's clock; 0 when it was down
	began    int64             // the run's time, in microseconds
	// moments are the ends of the accounts' histories when the call began.
	moments moments
	retry   bool // an earlier call was made of the same request
}

// names are those of the customers, in turn. As many customers in a row use the same
// request ids.
var names = []string{"", "ann", "bob"}

// openDoors lets the customers in.
func (w *world) openDoors() {
	think := []int64{200, 3_000, 30_000}[w.rng.IntN(3)]
	w.greed = w.rng.Float64()
	for i := range 3 + w.rng.IntN(14) {
		c := &customer{w: w, id: int64(i + 1), name: names[i%len(names)], home: w.anyProcess(), sessions: w.chance(0.5), think: think}
		w.customers = append(w.customers, c)
		opens := w.between(0, 20_000)
		if w.opts.Calm {
			opens += 1_000_000 // when all branches serve
		}
		w.after(opens, c.act)
	}
}

func (c *customer) actSoon() { c.w.after(c.w.between(0, c.think), c.act) }

// act begins the next request.
func (c *customer) act() {
	w := c.w
	if w.calm {
		return
	}
	r := c.pick()
	r.customer = c
	at := c.home
	if w.chance(0.15) {
		at = w.anyProcess() // a customer on the move
	}
	if r.misuse {
		at = w.processOf(r.receipt.Branch)
	}
	r.home = at.id
	c.try(r, at)
}

// pick returns what the customer wants next.
func (c *customer) pick() *request {
	w := c.w
	account := w.accounts[w.rng.IntN(len(w.accounts))]
	r := &request{entry: ledger.Entry{Account: account}, level: w.anyLevel()}
	switch k := w.rng.IntN(100); {
	case k < 12:
		return r
	case k < 20:
		r.strong = true
		return r
	case k < 22 && c.last != nil:
		again := *c.last
		again.misuse, again.settled, again.tries = true, false, 0
		if again.entry.Kind == ledger.Bulk {
			again.entry.Operations = other(again.entry.Operations)
		} else {
			again.entry.Amount++
		}
		return &again
	case k < 32:
		r.entry.Kind, r.entry.Account, r.entry.Operations = ledger.Bulk, "", w.anyOperations()
	case k < 50:
		r.entry.Kind, r.entry.Amount = ledger.Deposit, ledger.Amount(w.between(1, 100))
	case k < 85 || len(w.accounts) == 1:
		r.entry.Kind, r.entry.Amount = ledger.Withdrawal, w.anyAmount(account)
	default:
		r.entry.Kind, r.entry.Amount = ledger.Transfer, w.anyAmount(account)
		for r.entry.ToAccount = account; r.entry.ToAccount == account; {
			r.entry.ToAccount = w.accounts[w.rng.IntN(len(w.accounts))]
		}
	}
	r.entry.Customer, r.entry.CustomerID = c.name, c.id
	c.requests++
	if r.entry.Kind == ledger.Bulk || w.chance(0.95) {
		r.entry.RequestID = fmt.Sprintf("%d-%d", (c.id-1)/int64(len(names)), c.requests)
	}
	return r
}

// anyAmount returns an amount that is small, or about all that there is.
func (w *world) anyAmount(account string) ledger.Amount {
	if !w.chance(w.greed) {
		return ledger.Amount(w.between(1, 60))
	}
	return max(1, w.oracle.balance(account)+ledger.Amount(w.between(-60, 20)))
}

func (w *world) anyLevel() protocol.Level {
	return []protocol.Level{protocol.Local, protocol.Local, protocol.Reachable, protocol.Reachable, protocol.Reachable, protocol.Majority, protocol.All, protocol.Nearest}[w.rng.IntN(8)]
}

// try makes a call, and perhaps another one before it is answered.
func (c *customer) try(r *request, at *process) {
	w := c.w
	w.call(r, at, homeAt(r, at), 0)
	if r.entry.RequestID != "" && !r.misuse && w.chance(0.03) {
		w.after(w.between(0, 20_000), func() {
			if !r.settled && r.open > 0 {
				w.report.Paths["impatient retry"]++
				again := w.anyProcess()
				w.call(r, again, homeAt(r, again), 0)
			}
		})
	}
}

// homeAt is the home that a request names at a branch.
func homeAt(r *request, at *process) ledger.BranchID {
	if r.home == at.id {
		return 0
	}
	return r.home
}

// call makes one call at a branch.
func (w *world) call(r *request, at *process, home ledger.BranchID, hops int) {
	w.nextCall++
	r.tries++
	r.open++
	w.open++
	c := &call{id: w.nextCall, req: r, at: at, hops: hops, began: w.now, moments: w.oracle.moments(), retry: r.tries > 1}
	if r.customer != nil && r.customer.sessions {
		c.session = r.customer.session
	}
	w.oracle.told.began[c.id] = w.step
	if w.onCall != nil {
		w.onCall(c)
	}
	if !at.up() {
		w.after(w.delay(), func() { w.lost(c) })
		return
	}
	c.deadline = at.now() + w.anyPatience()
	if l := at.replica.Ledger(); slices.ContainsFunc(c.session, func(s ledger.Position) bool {
		i, _ := l.Index(s.Branch)
		return l.Head(i).Sequence < s.Sequence
	}) {
		w.report.Paths["session ahead of the branch"]++
	}
	at.calls[c.id] = c
	if !r.write() {
		q := protocol.Query{ID: c.id, Account: r.entry.Account, Strong: r.strong, Session: c.session, Deadline: c.deadline}
		w.note("call %d at branch %d: %+v", c.id, at.id, q)
		at.feed(func(rep *replica.Replica) { rep.Ask(q) })
		return
	}
	e := r.entry
	e.RecordedAt = int64(c.id) // which call it was that was carried out
	op := protocol.Operation{ID: c.id, Entry: e, Home: home, Acknowledge: r.level, Session: c.session, Deadline: c.deadline}
	w.note("call %d at branch %d: %+v %+v", c.id, at.id, op, e.Operations)
	at.feed(func(rep *replica.Replica) { rep.Submit(op) })
}

func (w *world) anyPatience() protocol.Millis {
	if w.opts.Calm || w.calm {
		return 10_000
	}
	return []protocol.Millis{30, 300, 3_000, 10_000}[w.rng.IntN(4)]
}

// lost ends a call whose branch went away.
func (w *world) lost(c *call) {
	c.req.open--
	w.open--
	w.report.Operations[kindOf(c.req)+": connection lost"]++
	c.req.goOn(w, protocol.Reply{Err: errLost})
}

// answered takes a branch's reply.
func (w *world) answered(p *process, reply protocol.Reply) {
	c := p.calls[reply.ID]
	if c == nil {
		w.fail("a call is answered once", "branch %d answers call %d: %+v", p.id, reply.ID, reply)
		return
	}
	delete(p.calls, reply.ID)
	w.note("branch %d answers call %d: %v", p.id, reply.ID, replyText{&reply})
	r := c.req
	r.open--
	w.open--
	w.oracle.noteTold(&reply)
	if w.onAnswer != nil {
		w.onAnswer(c, &reply)
	}
	if w.oracle.forked {
		w.verifyForked(c, &reply)
	} else {
		judge{w}.verify(c, &reply)
	}
	if reply.Forward != 0 {
		if c.hops > 3 {
			w.fail("forwarding ends", "%+v", r.entry)
			return
		}
		w.call(r, w.processOf(reply.Forward), 0, c.hops+1)
		return
	}
	if r.customer != nil && r.customer.sessions && reply.Err == nil {
		r.customer.session = reply.Session
	}
	r.goOn(w, reply)
}

// goOn makes the customer go on after an answer: retry, or do the next thing.
func (r *request) goOn(w *world, reply protocol.Reply) {
	if r.done != nil {
		r.done(reply)
		return
	}
	c := r.customer
	final := reply.Err == nil || isInsufficient(reply.Err) || r.misuse || !r.write()
	r.settled = r.settled || final
	if reply.Err == nil && reply.Receipt.Sequence != 0 && r.entry.RequestID != "" && !r.misuse {
		c.last = r
	}
	if r.open > 0 {
		return
	}
	if r.settled || r.entry.RequestID == "" || w.calm || w.chance(0.2) {
		c.actSoon()
		return
	}
	at := c.home
	if w.chance(0.3) {
		at = w.anyProcess()
	}
	w.after(w.between(0, 50_000), func() { c.try(r, at) })
}
