package simulation

import (
	"math"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// oracle sees all disks at once, in the order of real time. It knows what the
// branches have recorded, the balances that result, and what customers were
// promised.
type oracle struct {
	w *world // the run that it judges
	// journals are all entries recorded, by the index of the writer.
	journals [][]ledger.Entry
	requests map[identified]ledger.Position // where each request is recorded
	users    map[string]identified          // who has used each request id first
	index    map[string]int                 // of accounts
	// histories are the balances over all branches, one after the other, by
	// account. The last is the balance now.
	histories [][]ledger.Amount
	// views are the balances that the branches should show, by index.
	views []view
	// applied and synced are how far each branch has ever had each journal.
	applied, synced [][]uint64
	// local and wide are how far customers were promised each journal: on the
	// writer's disk, and on a majority of disks.
	local, wide []uint64
	wipes       []int // how often each branch has lost its disk, or got an old one, by index
	// before are the ends of the histories when a bulk was recorded.
	before map[ledger.Position]moments
	told   told
	looks  int // counts the calls of look: not all check the alarms
	// founded is the bank, once a branch has recorded that it is; knows says which
	// branches had its id then and have not lost their disks; proposed is the id
	// that each has recorded last.
	founded  ledger.Bank
	knows    []bool
	proposed []ledger.BankID
	// forked says that two processes are one branch. Then nobody can tell what
	// is recorded, and less has to hold (see fork.go).
	forked bool
	// acknowledged are the writes of which customers were told then.
	acknowledged []acknowledged
}

// identified is what the oracle knows a request by, whatever the branches do. Without an
// id, which is not in its tables, nothing is known of it.
type identified struct{ customer, id string }

func identify(e *ledger.Entry) identified { return identified{e.Customer, e.RequestID} }

// view is how far a branch has applied the journals, and its balances.
type view struct {
	applied  []uint64        // the last entry's sequence, by the index of the writer
	balances []ledger.Amount // by the index of the account
}

func newOracle(w *world) *oracle {
	n := len(w.branches)
	o := &oracle{w: w, requests: map[identified]ledger.Position{}, users: map[string]identified{}, index: map[string]int{}, before: map[ledger.Position]moments{}, told: newTold()}
	o.told.recorded = make([][]int, n)
	o.knows, o.proposed = make([]bool, n), make([]ledger.BankID, n)
	o.journals, o.local, o.wide, o.wipes = make([][]ledger.Entry, n), make([]uint64, n), make([]uint64, n), make([]int, n)
	for i, name := range w.accounts {
		o.index[name] = i
		opening := ledger.Amount(0)
		if name == ledger.SharedAccount {
			opening = w.opening
		}
		o.histories = append(o.histories, []ledger.Amount{opening})
	}
	for range n {
		v := view{applied: make([]uint64, n), balances: make([]ledger.Amount, len(w.accounts))}
		v.balances[0] = w.opening
		o.views = append(o.views, v)
		o.applied, o.synced = append(o.applied, make([]uint64, n)), append(o.synced, make([]uint64, n))
	}
	return o
}

// balance returns the balance over all branches now.
func (o *oracle) balance(account string) ledger.Amount {
	h := o.histories[o.index[account]]
	return h[len(h)-1]
}

// effect calls change for each balance that an entry changes.
func (o *oracle) effect(e *ledger.Entry, change func(account int, amount ledger.Amount)) {
	if e.Kind == ledger.Bulk {
		o.effectOfBulk(e.Operations, change)
		return
	}
	from := o.index[e.Account]
	switch e.Kind {
	case ledger.Deposit:
		change(from, e.Amount)
	case ledger.Withdrawal:
		change(from, -e.Amount)
	case ledger.Transfer:
		change(from, -e.Amount)
		change(o.index[e.ToAccount], e.Amount)
	}
}

// record adds an entry that its writer has on disk.
func (o *oracle) record(i int, e *ledger.Entry) {
	o.journals[i] = append(o.journals[i], *e)
	o.told.recorded[i] = append(o.told.recorded[i], o.w.step)
	if o.w.onRecord != nil {
		o.w.onRecord(e)
	}
	at := ledger.Position{Branch: o.w.branches[i], Sequence: e.Sequence}
	if int(e.Sequence) != len(o.journals[i]) {
		o.w.fail("sequences have no gaps", "entry %d of branch %d is its %dth", e.Sequence, at.Branch, len(o.journals[i]))
	}
	if e.RequestID != "" {
		o.recordRequest(identify(e), at)
	}
	if e.Kind == ledger.Bulk {
		o.before[at] = o.moments()
	}
	o.effect(e, func(account int, amount ledger.Amount) {
		h := o.histories[account]
		sum := h[len(h)-1] + amount
		o.histories[account] = append(h, sum)
		if sum < 0 {
			o.w.fail("no account is overdrawn", "account %q has %d over all branches", o.w.accounts[account], sum)
		}
	})
}

// recordRequest notes where a request is recorded.
func (o *oracle) recordRequest(r identified, at ledger.Position) {
	if other, ok := o.requests[r]; ok {
		o.w.fail("a request is recorded once", "%q of %q: %+v and %+v", r.id, r.customer, other, at)
	}
	o.requests[r] = at
	first, used := o.users[r.id]
	switch {
	case !used:
		o.users[r.id] = r
	case first != r && o.requests[first].Branch == at.Branch:
		o.w.report.Paths["request id of two customers at one branch"]++
	case first != r:
		o.w.report.Paths["request id of two customers at two branches"]++
	}
}

// committed notes what a branch now has on disk.
func (o *oracle) committed(p *process, c *ledger.Commit) {
	if o.forked {
		return
	}
	o.recorded(p, c)
	for _, b := range c.Batches {
		i := p.w.processOf(b.Batch.Branch).index
		if i == p.index {
			if _, err := ledger.OpenSealed(b.Bytes, b.Hash); err != nil {
				o.w.fail("a batch can be opened", "%v", err)
			}
		}
		o.hold(p, i, b.Sealed)
	}
}

// hold notes a batch of the i-th journal that a branch has on disk.
func (o *oracle) hold(p *process, i int, s *ledger.Sealed) {
	for k := range s.Batch.Entries {
		e := &s.Batch.Entries[k]
		known := int(e.Sequence) <= len(o.journals[i])
		switch {
		case known && sameEntry(o.journals[i][e.Sequence-1], *e):
		case known && i == p.index && p.wiped:
			o.forget(p, e.Sequence-1)
			o.record(i, e)
		case !known && i == p.index:
			o.record(i, e)
		default:
			o.w.fail("nothing leaves a branch before it is synced", "branch %d has entry %+v of branch %d", p.id, e, s.Batch.Branch)
		}
	}
}

// forget drops entries that were lost with a disk. No other disk may have them.
func (o *oracle) forget(p *process, keep uint64) {
	i := p.index
	if keep < o.wide[i] {
		o.w.fail("MAJORITY survives a disk", "branch %d goes on after entry %d, %d was promised", p.id, keep, o.wide[i])
	}
	for k, q := range o.w.processes {
		if k != i && (o.views[k].applied[i] > keep || q.disk.Synced(i) > keep) {
			o.w.fail("a wiped branch asks before it writes", "branch %d goes on after entry %d, branch %d has %d", p.id, keep, q.id, o.views[k].applied[i])
		}
	}
	for s := len(o.journals[i]); s > int(keep); s-- {
		e := &o.journals[i][s-1]
		delete(o.requests, identify(e))
		o.effect(e, func(account int, amount ledger.Amount) {
			h := o.histories[account]
			o.histories[account] = append(h, h[len(h)-1]-amount)
		})
	}
	o.journals[i], o.told.recorded[i] = o.journals[i][:keep], o.told.recorded[i][:keep]
	o.local[i] = min(o.local[i], keep)
	for k := range o.applied {
		o.applied[k][i], o.synced[k][i] = min(o.applied[k][i], keep), min(o.synced[k][i], keep)
	}
	for _, c := range o.w.customers {
		for k, s := range c.session {
			if s.Branch == p.id && s.Sequence > keep {
				c.session = append([]ledger.Position(nil), c.session...)
				c.session[k].Sequence = keep
			}
		}
	}
}

// wiped records that a disk is lost.
func (o *oracle) wiped(p *process) {
	o.wipes[p.index]++
	o.follow(p.index, func(int) uint64 { return 0 })
}

// booted records what a branch finds on its disk.
func (o *oracle) booted(p *process) {
	if o.forked {
		return
	}
	i := p.index
	l := p.replica.Ledger()
	o.bank(p) // the crash may have spared what nobody knew of
	head := l.Head(i).Sequence
	after := uint64(len(o.journals[i]))
	switch {
	case p.wiped && p.disk.image.settled && !p.restored:
		after = 0 // it crashed just when it began to serve
	case !p.wiped && (head < o.local[i] || head < after):
		o.w.fail("nothing synced is lost", "branch %d starts with %d entries of its own, %d were promised and %d synced", p.id, head, o.local[i], after)
		return
	}
	batches, _ := p.disk.batches(p.id, after, math.MaxInt)
	for _, b := range batches { // the commit that was under way has survived
		o.hold(p, i, b)
	}
	if p.wiped && p.disk.image.settled && !p.restored {
		o.forget(p, head)
		p.wiped = false
	}
	o.look(p)
}

// follow moves a branch's view to what it has applied.
func (o *oracle) follow(k int, head func(i int) uint64) {
	v := &o.views[k]
	for i := range v.applied {
		to := head(i)
		if to > uint64(len(o.journals[i])) {
			o.w.fail("a view shows what is recorded", "branch %d shows entry %d of branch %d, which has recorded %d", o.w.branches[k], to, o.w.branches[i], len(o.journals[i]))
			return
		}
		for ; v.applied[i] < to; v.applied[i]++ {
			o.effect(&o.journals[i][v.applied[i]], func(account int, amount ledger.Amount) { v.balances[account] += amount })
		}
		for ; v.applied[i] > to; v.applied[i]-- {
			o.effect(&o.journals[i][v.applied[i]-1], func(account int, amount ledger.Amount) { v.balances[account] -= amount })
		}
	}
}

// look checks what a branch shows after its commit.
func (o *oracle) look(p *process) {
	l := p.replica.Ledger()
	if o.forked {
		o.lookForked(p)
		return
	}
	if p.wiped && p.replica.State() == protocol.Serving {
		o.forget(p, l.Head(p.index).Sequence)
		if l.Head(p.index).Sequence > p.found {
			o.w.report.Paths["journal recovered from a peer"]++
		}
		if o.w.sheltered == p {
			o.w.sheltered = nil
		}
		p.wiped, p.restored = false, false
	}
	o.follow(p.index, func(i int) uint64 { return l.Head(i).Sequence })
	for i, want := range o.views[p.index].balances {
		if got := l.Balance(o.w.accounts[i]); got != want || got < 0 {
			o.w.fail("a view is the sum of its entries", "branch %d shows %d of account %q, its entries add up to %d", p.id, got, o.w.accounts[i], want)
		}
	}
	if err := l.CheckInvariants(); err != nil {
		o.w.fail("the ledger's invariants hold", "branch %d: %v", p.id, err)
	}
	for i := range o.journals {
		o.applied[p.index][i] = max(o.applied[p.index][i], l.Head(i).Sequence)
		o.synced[p.index][i] = max(o.synced[p.index][i], p.disk.Synced(i))
	}
	if o.looks++; o.looks%32 == 0 {
		o.checkAlarms(p)
	}
}

// refused checks that a branch refuses no message that a branch sends.
func (o *oracle) refused(p *process, f protocol.Refusal) {
	if o.w.opts.Liar {
		o.w.report.Paths["message refused for its "+f.Lie.String()]++
		return
	}
	if !o.forked {
		o.w.fail("no message is refused without a reason", "branch %d: %+v", p.id, f)
	}
}

func (o *oracle) checkAlarms(p *process) {
	if o.w.opts.Liar {
		o.checkLied(p)
		return
	}
	if s := p.replica.Status(); len(s.Alarms) > 0 || s.State == protocol.Halted {
		o.w.fail("no alarm without a reason", "branch %d: %v", p.id, s.Alarms)
	}
}
