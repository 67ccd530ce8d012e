package replica

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// An account is contested when more is asked of it, at several branches, than there is.
// A refusal needs a word of every branch, and many of them together need no more words
// than one. So for each contested account one branch, the chair, sends a chain of looks
// to all others, the seats; each look serves everybody who waits, at every branch:
//
//   - chair.go is the chair. It proves balances, and says where escrow has to go.
//   - seat.go is a seat. It refuses what is more than the chair has proven there to be,
//     and, if a look says so, freezes the account from its answer to the next look.
//
// The chair follows from the account's name, without an election or a lease: nothing
// breaks if two branches hold different views of it. Where it can't be reached, or a chain
// fails, each branch helps itself with claims and double collects, as for all other
// accounts.

// contests are the contested accounts.
type contests struct {
	*broadcast.Core                     // what all parts know
	journals        *broadcast.Journals // frames for peers
	desk            *desk               // answers to customers
	escrow          *escrow             // queues of accounts
	calls           *calls              // their ids are those of chains
	collects        *collects           // what else looks at accounts
	// of are the contested accounts, by name; live are those of them with a chain of looks,
	// or that wait for something, in the order of their names.
	of   map[string]*contest
	live []*contest
	// sweepAt is when those that are contested no longer are next forgotten.
	sweepAt protocol.Millis
	// seen is the last chain of each peer that is a chair, by index: a first look at a
	// higher one is no repetition.
	seen []uint64
}

// contest is one contested account.
type contest struct {
	account string
	// live says that it is among those.
	live bool
	// until is until when the writes that lack escrow summon the chair.
	until protocol.Millis
	// barredUntil is until when this branch helps itself.
	barredUntil protocol.Millis
	// summonedUntil is until when the chair is waited for, which was summoned; 0 when it
	// is not. summons is how often it was, and has not come.
	summonedUntil protocol.Millis
	summons       int
	// seat is this branch's place in the chain of a peer, chain the one of which it is the
	// chair; nil for none.
	seat  *seat
	chain *chain
	// flow is about how much comes in at the seats between two looks that don't freeze the
	// account.
	flow ledger.Amount
	// leftChain and leftStep are those of the last look to a seat that was left.
	leftChain, leftStep uint64
}

func newContests(j *broadcast.Journals) contests {
	return contests{Core: &j.Core, journals: j, of: map[string]*contest{}, seen: make([]uint64, j.N)}
}

// chairOf returns the index of the chair of an account.
func (cs *contests) chairOf(account string) int {
	h := fnv.New32a()
	h.Write([]byte(account))
	return int(h.Sum32() % uint32(cs.N))
}

// get returns an account's contest, made if there is none; nil when there are too many.
func (cs *contests) get(account string) *contest {
	c := cs.of[account]
	if c == nil && len(cs.of) >= maxContests {
		cs.sweep()
	}
	if c == nil && len(cs.of) < maxContests {
		c = &contest{account: account}
		cs.of[account] = c
	}
	return c
}

// sweep forgets the accounts that are contested no longer, from time to time.
func (cs *contests) sweep() {
	if cs.Now < cs.sweepAt {
		return
	}
	cs.sweepAt = cs.Now + contestedFor
	maps.DeleteFunc(cs.of, func(_ string, c *contest) bool { return !c.live && cs.Now >= c.until })
}

// wake makes a contest one of those that expire and nextTick consider.
func (cs *contests) wake(c *contest) {
	if c.live {
		return
	}
	c.live = true
	k, _ := slices.BinarySearchFunc(cs.live, c.account, func(o *contest, name string) int { return cmp.Compare(o.account, name) })
	cs.live = slices.Insert(cs.live, k, c)
}

// enter makes an account contested for a while.
func (cs *contests) enter(account string) {
	if cs.N == 1 {
		return
	}
	if c := cs.get(account); c != nil {
		c.until = cs.Now + contestedFor
	}
}

// isActive reports whether this branch takes part in a chain of looks at an account.
func (cs *contests) isActive(account string) bool {
	c := cs.of[account]
	return c != nil && (c.seat != nil || c.chain != nil)
}

// chairs reports whether this branch is the chair of a chain of looks at an account: then
// it serves withdrawals by their age, when a look ends.
func (cs *contests) chairs(account string) bool {
	c := cs.of[account]
	return c != nil && c.chain != nil
}

// serves reports whether the chair sees to the writes that wait for an account. If there
// is no chain of looks and the account is contested, it summons the chair.
func (cs *contests) serves(account string) bool {
	c := cs.of[account]
	switch {
	case c == nil || cs.Now < c.barredUntil:
		return false
	case c.seat != nil || c.chain != nil:
		return true
	case cs.Now >= c.until:
		return false
	case c.summonedUntil != 0:
		return true
	}
	i := cs.chairOf(account)
	if i == cs.Self {
		return cs.begin(c)
	}
	chair := cs.Peers[i]
	if !cs.Callable(chair) || !chair.Usable() || c.summons >= maxSummons {
		cs.bar(c)
		return false
	}
	c.summons, c.summonedUntil = c.summons+1, cs.Now+lookRetry
	cs.wake(c)
	out := cs.journals.ContestTo(chair)
	out.Summons = append(out.Summons, account)
	return true
}

// bar lets this branch help itself for a while.
func (cs *contests) bar(c *contest) {
	c.came()
	c.barredUntil = cs.Now + cs.Config.PeerTimeout
	cs.wake(c)
	cs.escrow.touchAccount(c.account)
}

// came records that the chair is waited for no longer.
func (c *contest) came() { c.summons, c.summonedUntil = 0, 0 }

// receive handles what a peer says of contested accounts.
func (cs *contests) receive(p *broadcast.Peer, in *protocol.Contest) {
	if lie, problem := cs.check(p, in); lie != 0 {
		cs.journals.Alarms.Reject(p, lie, true, "a contested account: %s", problem)
		return
	}
	if !cs.Follow(in.Clock) {
		return // as if it were lost: the next look would not carry the time on
	}
	for i := range in.Ends {
		cs.receiveEnd(&in.Ends[i])
	}
	for _, account := range in.Summons {
		cs.receiveSummons(p, account)
	}
	for i := range in.Looks {
		cs.receiveLook(p, &in.Looks[i])
	}
	for i := range in.Answers {
		cs.receiveAnswer(p, &in.Answers[i])
	}
}

// lostLink ends what needs a peer that is gone: the chains of which it is the chair, and
// those of this branch, for which every branch has to answer.
func (cs *contests) lostLink(p *broadcast.Peer) {
	for _, c := range cs.live {
		if c.seat != nil && c.seat.chair == p {
			cs.leave(c, true)
		}
		if c.chain != nil {
			cs.failChain(c)
		}
	}
}

// expire gives up the chains that are not answered, and what has waited for looks in vain,
// and ends freezes.
func (cs *contests) expire() {
	for _, c := range cs.live {
		if c.seat != nil {
			cs.expireSeat(c)
		}
		if c.chain != nil {
			cs.expireChain(c)
		}
		if c.barredUntil != 0 && cs.Now >= c.barredUntil {
			c.barredUntil = 0
			cs.escrow.touchAccount(c.account)
		}
		if c.summonedUntil != 0 && cs.Now >= c.summonedUntil {
			c.summonedUntil = 0
			cs.escrow.touchAccount(c.account) // which summons it again if anything waits
		}
	}
	cs.live = slices.DeleteFunc(cs.live, func(c *contest) bool {
		c.live = c.seat != nil || c.chain != nil || c.barredUntil != 0 || c.summonedUntil != 0
		return !c.live
	})
	cs.sweep()
}

// waitsInVain reports whether a write has waited for the looks at an account for a peer
// time-out: then each branch helps itself.
func (cs *contests) waitsInVain(account string) bool {
	q := cs.escrow.queues[account]
	return q != nil && slices.ContainsFunc(q.waiting, func(p *pending) bool {
		return isChaired(p) && p.chain != 0 && cs.Now-p.chainSince >= cs.Config.PeerTimeout
	})
}

// nextTick returns when a chain goes on, or something has lasted too long.
func (cs *contests) nextTick() protocol.Millis {
	next, open := protocol.Never, cs.openUntil()
	for _, c := range cs.live {
		if c.summonedUntil != 0 {
			next = min(next, c.summonedUntil)
		}
		if c.barredUntil != 0 {
			next = min(next, c.barredUntil)
		}
		if c.seat != nil {
			next = min(next, c.seat.nextTick())
		}
		if c.chain != nil {
			next = min(next, c.chain.nextTick(open))
		}
	}
	return next
}

// isDue reports whether a look has come, or all its answers have: others wait for this
// branch.
func (cs *contests) isDue() bool {
	goesOn := false
	for _, c := range cs.live {
		switch {
		case c.seat != nil && c.seat.look != nil:
			return true
		case c.chain != nil && c.chain.open == 0 && c.chain.restsUntil == 0:
			goesOn = true
		}
	}
	return goesOn && cs.Now >= cs.openUntil()
}

// isSeatFrozen reports whether nothing may change an account until the chair's next look.
func (cs *contests) isSeatFrozen(account string) bool {
	c := cs.of[account]
	return c != nil && c.seat != nil && c.seat.frozen
}

// frozenTogether reports whether a write that changes several accounts has to wait for a
// chair's next look. Where a look has just opened one of them, or is answered by all, the
// write may go on though the others are frozen, unless one is so firmly: their chairs prove
// nothing by their last looks then. Else it would wait until all of them are open at once.
func (cs *contests) frozenTogether(accounts ...string) bool {
	if len(cs.live) == 0 {
		return false
	}
	open, frozen := false, false
	for _, name := range accounts {
		c := cs.of[name]
		switch {
		case c == nil:
		case c.chain != nil:
			open = open || c.chain.stepping
		case c.seat == nil:
		case c.seat.frozen && c.seat.firm:
			return true
		case c.seat.frozen:
			frozen = true
		case c.seat.look != nil:
			open = true
		}
	}
	return frozen && !open
}

// follow makes the tickets of this branch follow that of a peer.
func (cs *contests) follow(clock uint64) {
	cs.escrow.tickets = max(cs.escrow.tickets, min(clock, cs.Ledger.Clock()+ledger.MaxClockLead/2))
}

// isChaired reports whether a write is of a kind that the chair sees to. A list waits for
// all its accounts, so it claims what it lacks itself.
func isChaired(p *pending) bool {
	k := p.op.Entry.Kind
	return k == ledger.Withdrawal || k == ledger.Transfer
}
