package replica

import (
	"fmt"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A double collect finds out the balance of an account over all branches at
// one moment (Afek et al., Atomic Snapshots of Shared Memory, 1993). A look
// asks every branch for what its own entries have paid into the account; the
// next look starts when all have answered. At the moment between two looks,
// what a branch had paid lies between its two answers:
//
//   - if every branch names the same last entry twice, the sum is the balance
//     at that moment;
//   - the sum of the most that each had paid between its two answers is at
//     least the balance at that moment. Where even that is below an amount,
//     the amount could not be paid then.
//
// One collect an account runs at a time and serves all who joined it early
// enough: the moment must lie within the call.
//
// Customers who are refused together mostly ask again together. A collect that has
// refused several therefore makes its account contested (see contests).
type collects struct {
	*broadcast.Core                     // what all parts know
	alarms          *broadcast.Alarms   // what the operator is told
	recovery        *broadcast.Recovery // the state of this branch
	desk            *desk               // answers to customers
	escrow          *escrow             // queues of accounts
	calls           *calls              // claims and looks under way
	contests        *contests           // contested accounts
	snapshots       *snapshots          // strong queries
	// of are the double collects of this branch, by account.
	of map[string]*collect
	// tallies follow what this branch pays, for the branches that collect, by
	// account.
	tallies map[string][]*tally
	// tallied counts the tallies.
	tallied int
}

func newCollects(c *broadcast.Core) collects {
	return collects{Core: c, of: map[string]*collect{}, tallies: map[string][]*tally{}}
}

// collect is a double collect of one account.
type collect struct {
	// account is whose balance is to be found.
	account string
	// id tells it from other collects of this branch.
	id uint64
	// look is the number of the look under way, from 1.
	look uint64
	// freeze says that it asks the branches to freeze the account, since the last two
	// looks did not settle all that they might: unsettled. The look after it thaws.
	freeze, unsettled bool
	// answers are those of this look by branch, before those of the last.
	answers, before []lookAnswer
	// open are the calls of this look that are not answered.
	open int
	// members are the calls that wait for the verdict.
	members []member
}

type lookAnswer struct {
	protocol.CollectAnswer      // as it came
	there                  bool // whether it has come
}

// maxMembers bounds the calls that one collect serves.
const maxMembers = 8192

// join lets a call wait for the verdict of a double collect.
func (cs *collects) join(account string, w judged) {
	c := cs.of[account]
	if c == nil {
		c = &collect{account: account, id: cs.calls.nextID()}
		cs.of[account] = c
		c.members = append(c.members, member{call: w})
		cs.startLook(c)
		return
	}
	if len(c.members) >= maxMembers {
		w.fail(cs.desk, protocol.ErrQueueFull)
		return
	}
	c.members = append(c.members, member{call: w, joined: c.look})
}

// startLook asks every branch, this one included.
func (cs *collects) startLook(c *collect) {
	switch {
	case cs.State != protocol.Serving:
		cs.fail(c, cs.recovery.StateReason())
		return
	case len(cs.uncallable()) > 0:
		cs.fail(c, "the balance over all branches needs branches that can't be reached")
		return
	}
	c.look++
	c.freeze = c.unsettled && !c.freeze
	if c.look == 1 {
		for k := range c.members {
			c.members[k].joined = 1
		}
	}
	c.before, c.answers = c.answers, make([]lookAnswer, cs.N)
	ask := protocol.Collect{Account: c.account, Collect: c.id, Look: c.look, Freeze: c.freeze, Clock: cs.Clock()}
	c.answers[cs.Self] = lookAnswer{CollectAnswer: cs.look(cs.Config.ID, &ask), there: true}
	c.open = cs.N - 1
	for i, p := range cs.Peers {
		if i != cs.Self {
			asked := ask
			cs.calls.ask(cs, p, &asked).collect = c
		}
	}
}

// uncallable returns the peers that a look can't reach.
func (cs *collects) uncallable() []*broadcast.Peer {
	var out []*broadcast.Peer
	for i, p := range cs.Peers {
		if i != cs.Self && !cs.Callable(p) {
			out = append(out, p)
		}
	}
	return out
}

func (cs *collects) receiveCollectAnswer(p *broadcast.Peer, a *protocol.CollectAnswer) {
	call := cs.calls.open[a.ID]
	if call == nil || call.peer != p || call.asks == nil {
		return
	}
	if problem := cs.checkCollectAnswer(p, a); problem != "" {
		cs.alarms.Reject(p, protocol.BadAnswer, false, "an answer to a look: %s", problem)
		a = &protocol.CollectAnswer{ID: a.ID, Failed: true}
	}
	if a.Failed || !cs.Follow(a.Clock) && call.collect != nil {
		cs.Suspect(p)
		cs.calls.fail(call)
		return
	}
	cs.calls.end(call)
	if call.snapshot != nil {
		cs.snapshots.receiveAnswer(call, a)
		return
	}
	c := call.collect
	if cs.of[c.account] != c || c.answers[p.Index].there {
		return
	}
	c.answers[p.Index] = lookAnswer{CollectAnswer: *a, there: true}
	c.open--
}

// step ends the looks that are answered, and starts the next ones.
func (cs *collects) step() {
	for _, name := range sorted(cs.of) {
		c := cs.of[name]
		for c.open == 0 && cs.of[name] == c {
			cs.endLook(c)
		}
	}
}

// endLook serves those members who had joined before the look began, and
// starts the next look for those who are left.
func (cs *collects) endLook(c *collect) {
	refused := 0
	c.unsettled = false
	if c.look > 1 {
		seen := c.compare()
		members := c.members
		c.members = nil
		for _, m := range members {
			late, amount := m.joined >= c.look, m.call.amount()
			switch {
			case late || !m.call.judge(cs, c, seen):
				c.unsettled = c.unsettled || !late
				c.members = append(c.members, m)
			case seen.most < amount:
				refused++
			}
		}
	}
	if refused > 1 || c.unsettled {
		cs.contests.enter(c.account)
	}
	if len(c.members) > 0 {
		cs.startLook(c)
	} else {
		cs.end(c)
	}
}

// end forgets a collect. If its last look has frozen the account, one more look, for
// which nobody waits, thaws it.
func (cs *collects) end(c *collect) {
	delete(cs.of, c.account)
	if !c.freeze {
		return
	}
	ask := protocol.Collect{Account: c.account, Collect: c.id, Look: c.look + 1}
	cs.look(cs.Config.ID, &ask)
	for i, p := range cs.Peers {
		if i != cs.Self && cs.Callable(p) {
			ask.ID = cs.calls.nextID()
			again := ask
			cs.Send(p, protocol.Message{Collect: &again})
		}
	}
}

// lost implements caller for looks: it ends a collect for which a branch could not
// be asked.
func (cs *collects) lost(call *call) {
	if c := call.collect; cs.of[c.account] == c && !c.answers[call.peer.Index].there {
		cs.fail(c, fmt.Sprintf("the balance over all branches needs branch %d, which can't be reached", call.peer.Branch))
	}
}

func (cs *collects) fail(c *collect, reason string) {
	cs.end(c)
	for _, call := range cs.calls.open { // in any order: they are only forgotten
		if call.collect == c {
			cs.calls.end(call)
		}
	}
	for _, m := range c.members {
		m.call.fail(cs.desk, cs.Unavailable(c.account, m.call.amount(), reason))
	}
}

// expire gives up the members whose deadline has passed.
func (cs *collects) expire() {
	for _, name := range sorted(cs.of) {
		c := cs.of[name]
		c.members = slices.DeleteFunc(c.members, func(m member) bool {
			if cs.Now < m.call.deadline() {
				return false
			}
			m.call.fail(cs.desk, cs.Unavailable(c.account, m.call.amount(), "the time was up while the account kept changing"))
			return true
		})
	}
	cs.expireTallies()
}

// nextTick returns when a look begins or ends by itself, or a call may have waited
// too long.
func (cs *collects) nextTick() protocol.Millis {
	next := protocol.Never
	if len(cs.of) > 0 || len(cs.tallies) > 0 {
		next = cs.Now + protocol.DeadlineGrain
	}
	for _, c := range cs.of {
		if c.open == 0 { // in a bank of one: there is no answer to wait for
			next = cs.Now
		}
	}
	return next
}

// checkCollectAnswer reports what the answer to a look may not say. The entry it names
// goes into sessions, which no branch may have to refuse.
func (cs *collects) checkCollectAnswer(p *broadcast.Peer, a *protocol.CollectAnswer) string {
	switch most, least := paidBounds(cs.Core); {
	case cs.TooFarAhead(p.Index, a.Last, ledger.MaxSequenceLead/2):
		return fmt.Sprintf("last entry %d", a.Last)
	case cs.isAhead(a.Clock):
		return fmt.Sprintf("clock %d", a.Clock)
	case a.Paid > most || a.Most > most || a.Paid < least || a.Most < least:
		return fmt.Sprintf("paid %d, at most %d since: a branch pays in %d at most", a.Paid, a.Most, cs.Ledger.Limit()+1)
	}
	return ""
}
