package replica_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
)

// A day of 24 minutes, in virtual time. Withdrawals of 1 to 10 come to each of three sites at
// random, at a rate that swings 4 : 1 and peaks 8 minutes after that of the site before. Who has
// withdrawn something pays it in again a while later, so what there is, the float, stays
// about the same.

// Times of a day are in microseconds.
const (
	sites         = 3
	second        = int64(1_000_000)
	dayLength     = 24 * 60 * second
	swing         = 0.6 // the peak is 1.6 times the mean, the trough 0.4
	mostWithdrawn = 10
	// syncTakes is how long it takes to sync a commit.
	syncTakes = 2_000
)

// dayPlan is what happens on a day.
type dayPlan struct {
	// perSecond is how many withdrawals come to all sites together.
	perSecond float64
	// floats is how many times the float is spent in a day.
	floats float64
	// trips are the round trips in milliseconds: between the first site and the second, the first
	// and the third, the second and the third.
	trips [3]int64
	// payIn returns where something that was spent at a site is paid in again.
	payIn func(rng *rand.Rand, spentAt int) int
	// atOnce is how many withdrawals are paid in again together.
	atOnce int
}

// float is the balance before the day.
func (p *dayPlan) float() ledger.Amount {
	return ledger.Amount(p.perSecond * float64(dayLength/second) * (1 + mostWithdrawn) / 2 / p.floats)
}

// keeps is how long customers keep what they have withdrawn, on average: a tenth of the
// time in which as much as the float is spent.
func (p *dayPlan) keeps() float64 { return float64(dayLength) / p.floats / 10 }

// oneWay is how long a message takes from one site to another.
func (p *dayPlan) oneWay(i, k int) int64 { return p.trips[i+k-1] * 1000 / 2 }

// dayResult is what came of a day.
type dayResult struct {
	// waited counts the withdrawals that were not decided at once, from the escrow of the
	// site; refused are in there, too.
	withdrawals, waited, refused int
	// grants counts those of all sites, busiest those of one site in one second.
	grants, busiest int
}

// day is a day under way.
type day struct {
	dayPlan
	t      *testing.T
	rng    *rand.Rand // of the customers who pay in
	now    int64
	events dayEvents
	count  uint64 // of events so far
	sites  [sites]*site
	began  int64 // when the first withdrawals may come
	calls  uint64
	result dayResult
}

type dayEvent struct {
	at  int64
	seq uint64
	do  func()
}

type dayEvents []dayEvent

func (h dayEvents) Len() int { return len(h) }
func (h dayEvents) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h dayEvents) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dayEvents) Push(x any)   { *h = append(*h, x.(dayEvent)) }
func (h *dayEvents) Pop() any {
	old := *h
	e := old[len(old)-1]
	*h = old[:len(old)-1]
	return e
}

func (d *day) after(micros int64, do func()) {
	d.count++
	heap.Push(&d.events, dayEvent{d.now + micros, d.count, do})
}

func (d *day) runUntil(end int64) {
	for len(d.events) > 0 && d.events[0].at < end {
		e := heap.Pop(&d.events).(dayEvent)
		d.now = e.at
		e.do()
	}
	d.now = end
}

// run runs a day.
func (p dayPlan) run(t *testing.T, seed uint64) dayResult {
	t.Helper()
	d := &day{dayPlan: p, t: t, rng: rand.New(rand.NewPCG(seed, sites))}
	d.open(seed)
	d.runUntil(5 * second) // the bank is founded
	d.began = d.now
	for _, s := range d.sites {
		if s.replica.State() != protocol.Serving {
			t.Fatalf("branch %d does not serve", s.index+1)
		}
		s.awaitCustomer()
	}
	d.runUntil(d.began + dayLength)
	for _, s := range d.sites {
		d.result.waited += len(s.open) // but for those of the last moment
	}
	return d.result
}

// open opens the bank.
func (d *day) open(seed uint64) {
	ids := []ledger.BranchID{1, 2, 3}
	for i, id := range ids {
		c, err := simulation.NewDisk(ids, d.float()).Boot()
		if err != nil {
			d.t.Fatal(err)
		}
		c.ID, c.PeerTimeout, c.Proposal = id, 1000, simulation.Proposal(id, 0)
		c.Storage = storageOf{noStorage{}, c.Storage}
		r, err := replica.New(c)
		if err != nil {
			d.t.Fatal(err)
		}
		d.sites[i] = &site{day: d, index: i, replica: r, rng: rand.New(rand.NewPCG(seed, uint64(i))), open: map[uint64]dayCall{}}
	}
	for i, s := range d.sites {
		for k, id := range ids {
			if k != i {
				s.feed(func(r *replica.Replica) {
					r.LinkUp(id)
					r.Measured(id, protocol.Micros(2*d.oneWay(i, k)))
				})
			}
		}
	}
}

// site is a branch and its customers.
type site struct {
	*day
	index   int
	replica *replica.Replica
	// committing says that a commit is on its way to disk. Inputs wait meanwhile.
	committing bool
	inbox      []func(*replica.Replica)
	turns      int        // so far
	wakeAt     int64      // when a wake-up is planned
	rng        *rand.Rand // of the customers who withdraw
	// open are the withdrawals that are not answered.
	open map[uint64]dayCall
	// spent is what was withdrawn and not paid in again, spends how often.
	spent  ledger.Amount
	spends int
	// grantedAt are the times of the grants of the last second.
	grantedAt []int64
}

// dayCall is a withdrawal that is not answered.
type dayCall struct {
	turn   int // which should decide it
	amount ledger.Amount
}

// awaitCustomer plans the next withdrawal. Customers come as in a Poisson process of the highest
// rate, and some of them turn back.
func (s *site) awaitCustomer() {
	highest := s.perSecond / sites * (1 + swing)
	s.after(int64(s.rng.ExpFloat64()/highest*float64(second)), func() {
		phase := 2 * math.Pi * (float64(s.now-s.began)/float64(dayLength) - float64(s.index)/sites)
		if s.rng.Float64()*(1+swing) < 1+swing*math.Sin(phase) {
			s.result.withdrawals++
			s.submit(ledger.Withdrawal, ledger.Amount(1+s.rng.IntN(mostWithdrawn)))
		}
		s.awaitCustomer()
	})
}

func (s *site) submit(kind ledger.Kind, amount ledger.Amount) {
	s.calls++
	id, deadline := s.calls, protocol.Millis(s.now/1000+60_000)
	s.feed(func(r *replica.Replica) {
		if kind == ledger.Withdrawal {
			s.open[id] = dayCall{s.turns + 1, amount}
		}
		r.Submit(protocol.Operation{
			ID: id, Acknowledge: protocol.Local, Deadline: deadline,
			Entry: ledger.Entry{Kind: kind, Account: ledger.SharedAccount, Amount: amount},
		})
	})
}

// answered takes the answer to a call.
func (s *site) answered(rep *protocol.Reply) {
	c, ok := s.open[rep.ID]
	if !ok {
		return // a deposit
	}
	delete(s.open, rep.ID)
	if s.turns > c.turn {
		s.result.waited++
	}
	if rep.Err != nil {
		s.result.refused++
		return
	}
	s.spent, s.spends = s.spent+c.amount, s.spends+1
	if s.spends < s.atOnce {
		return
	}
	to, amount := s.sites[s.payIn(s.day.rng, s.index)], s.spent
	s.spent, s.spends = 0, 0
	s.after(int64(s.day.rng.ExpFloat64()*s.keeps()), func() { to.submit(ledger.Deposit, amount) })
}

// feed gives the replica an input, as soon as no commit is under way.
func (s *site) feed(f func(*replica.Replica)) {
	s.inbox = append(s.inbox, f)
	s.turn()
}

// turn is one round of a branch's loop: take what has come, decide, commit, let out.
func (s *site) turn() {
	if s.committing {
		return
	}
	s.replica.Tick(protocol.Millis(s.now / 1000))
	for _, f := range s.inbox {
		f(s.replica)
	}
	s.inbox = s.inbox[:0]
	s.turns++
	ready := s.replica.Ready()
	if err := s.replica.Err(); err != nil {
		s.t.Fatal(err)
	}
	if ready.Commit == nil || !ready.Commit.Sync {
		s.letOut(&ready)
		return
	}
	s.countGrants(ready.Commit)
	s.committing = true
	s.after(syncTakes, func() {
		s.committing = false
		s.letOut(&ready)
		if len(s.inbox) > 0 {
			s.turn()
		}
	})
}

// letOut lets out what waited for the commit.
func (s *site) letOut(ready *protocol.Ready) {
	s.replica.Advance()
	for _, m := range ready.Messages {
		m, err := simulation.Transmit(m)
		if err != nil {
			s.t.Fatal(err)
		}
		to := s.sites[m.To-1]
		s.after(s.oneWay(s.index, to.index), func() { to.feed(func(r *replica.Replica) { r.Receive(m) }) })
	}
	for i := range ready.Replies {
		s.answered(&ready.Replies[i])
	}
	s.sleep()
}

// sleep wakes the replica when it wants to be woken.
func (s *site) sleep() {
	next, ok := s.replica.NextTick()
	if !ok {
		return
	}
	at := max(int64(next)*1000, s.now+1000)
	if s.wakeAt > s.now && s.wakeAt <= at {
		return
	}
	s.wakeAt = at
	s.after(at-s.now, func() {
		if s.wakeAt == at {
			s.turn()
		}
	})
}

// countGrants counts the grants of a commit.
func (s *site) countGrants(c *ledger.Commit) {
	s.grantedAt = slices.DeleteFunc(s.grantedAt, func(at int64) bool { return at <= s.now-second })
	for _, b := range c.Batches {
		for i := range b.Batch.Entries {
			if int(b.Batch.Branch) == s.index+1 && b.Batch.Entries[i].Kind == ledger.Grant {
				s.result.grants++
				s.grantedAt = append(s.grantedAt, s.now)
			}
		}
	}
	s.result.busiest = max(s.result.busiest, len(s.grantedAt))
}

// Where what was spent is paid in again.
var payIns = map[string]func(*rand.Rand, int) int{
	"anywhere":           func(rng *rand.Rand, _ int) int { return rng.IntN(sites) },
	"at one site":        func(*rand.Rand, int) int { return 0 },
	"where it was spent": func(_ *rand.Rand, i int) int { return i },
	"at the site before": func(_ *rand.Rand, i int) int { return (i + sites - 1) % sites },
}

// tryDays runs days at distances, and checks that few withdrawals wait and few grants are made.
func tryDays(t *testing.T, plan dayPlan, seeds uint64, mostGrants float64) {
	t.Helper()
	for _, trips := range [][3]int64{{40, 80, 90}, {100, 150, 200}} {
		for where, payIn := range payIns {
			plan := plan
			plan.trips, plan.payIn = trips, payIn
			t.Run(fmt.Sprintf("%v a second, paid in %d at once %s, %d ms", plan.perSecond, plan.atOnce, where, trips), func(t *testing.T) {
				t.Parallel()
				var sum dayResult
				for seed := range seeds {
					r := plan.run(t, seed)
					sum.withdrawals, sum.waited, sum.refused = sum.withdrawals+r.withdrawals, sum.waited+r.waited, sum.refused+r.refused
					sum.grants, sum.busiest = sum.grants+r.grants, max(sum.busiest, r.busiest)
				}
				t.Logf("%+v", sum)
				if sum.waited*100 > sum.withdrawals || sum.refused > 0 || sum.withdrawals < 1000 {
					t.Errorf("of %d withdrawals %d waited and %d were refused, want 1 in 100 at most and none", sum.withdrawals, sum.waited, sum.refused)
				}
				if float64(sum.grants) > mostGrants*float64(sum.withdrawals) || sum.busiest > 8 {
					t.Errorf("%d grants, %d of one site in a second; want %v for each withdrawal and 8 at most", sum.grants, sum.busiest, mostGrants)
				}
			})
		}
	}
}

// Escrow is where it will be spent before it is asked for: of a day's withdrawals, one in
// a hundred waits for another site at most, however far that is, and wherever it is paid in.
// The float is a tenth of what is spent in the day.
func TestOfADaysWithdrawalsFewWait(t *testing.T) {
	t.Parallel()
	tryDays(t, dayPlan{perSecond: 3, floats: 10, atOnce: 1}, 1, 0.05)
	tryDays(t, dayPlan{perSecond: 3, floats: 10, atOnce: 50}, 1, 0.05) // rare, and large
}

// That holds for an account of which little is spent, where a site owns enough for five
// withdrawals, and for one of which a hundredth of what is spent in the day is there.
func TestWithLittleThereFewWait(t *testing.T) {
	t.Parallel()
	tryDays(t, dayPlan{perSecond: 0.1, floats: 10, atOnce: 1}, 10, 0.5)
	tryDays(t, dayPlan{perSecond: 2, floats: 100, atOnce: 1}, 1, 0.5)
}
