package replica_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// A day of 24 minutes: at each of three sites, withdrawals come at random, at a rate that
// swings 4 : 1 and peaks 8 minutes after the last site's. Deposits bring back what is
// spent. All that there is, is a tenth of what is spent in the day.
type day struct {
	// perSecond is how many withdrawals come at all sites together.
	perSecond float64
	// trips are the round trips between the sites: the first and the second, the first and
	// the third, the second and the third.
	trips [3]protocol.Millis
	// at are the shares of the sites in the deposits, of which each is as much as so many
	// withdrawals.
	at       [3]float64
	deposits int
}

const (
	dayLength protocol.Millis = 24 * 60_000
	// swing makes the peak four times the trough.
	swing = 0.6
	// mostOfDay is the largest amount; amounts are from 1 on.
	mostOfDay = 10
)

// dayResult is what a day came to.
type dayResult struct {
	withdrawals, waited, grants int
}

// onRoad is a message on its way.
type onRoad struct {
	at protocol.Millis
	n  int
	m  protocol.Message
}

type road []onRoad

func (r road) Len() int { return len(r) }
func (r road) Less(i, j int) bool {
	return r[i].at < r[j].at || r[i].at == r[j].at && r[i].n < r[j].n
}
func (r road) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *road) Push(x any)   { *r = append(*r, x.(onRoad)) }
func (r *road) Pop() any {
	old := *r
	x := old[len(old)-1]
	*r = old[:len(old)-1]
	return x
}

// daily runs a day.
type daily struct {
	*bank
	day
	road road
	sent int
	rng  *rand.Rand
	dayResult
	began protocol.Millis
}

func (d *daily) delay(from, to ledger.BranchID) protocol.Millis {
	return d.trips[from+to-3] / 2 // 1+2, 1+3, 2+3
}

// dispatch puts what was sent on the road.
func (d *daily) dispatch() {
	for _, m := range d.transit {
		d.sent++
		heap.Push(&d.road, onRoad{d.now + d.delay(m.From, m.To), d.sent, m})
	}
	d.transit = nil
	d.out.Reset()
}

// until lets time go on.
func (d *daily) until(at protocol.Millis) {
	for {
		next := at
		if len(d.road) > 0 {
			next = min(next, d.road[0].at)
		}
		for _, n := range d.nodes {
			if tick, ok := n.replica.NextTick(); ok {
				next = min(next, max(tick, d.now+1))
			}
		}
		d.now = max(d.now, next)
		for len(d.road) > 0 && d.road[0].at <= d.now {
			m := heap.Pop(&d.road).(onRoad).m
			d.receive(m)
			d.dispatch()
		}
		for _, n := range d.nodes {
			if tick, ok := n.replica.NextTick(); ok && tick <= d.now {
				d.turn(n)
				d.dispatch()
			}
		}
		if d.now >= at {
			return
		}
	}
}

func (d *daily) pay(site int, kind ledger.Kind, amount ledger.Amount) (answered bool) {
	n := d.nodes[site]
	d.calls++
	id := d.calls
	n.calls[id] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: id, Acknowledge: protocol.Local, Deadline: d.now + 10_000,
		Entry: ledger.Entry{Kind: kind, Account: ledger.SharedAccount, Amount: amount, RequestID: fmt.Sprint(id)},
	})
	d.turn(n)
	d.dispatch()
	_, open := n.calls[id]
	return !open
}

func (d *daily) pick(shares [3]float64) int {
	x := d.rng.Float64() * (shares[0] + shares[1] + shares[2])
	for site, share := range shares {
		if x -= share; x < 0 {
			return site
		}
	}
	return 2
}

// demand are the rates of the sites at a time of the day, relative to their mean.
func demandAt(at protocol.Millis) (rates [3]float64) {
	for site := range rates {
		rates[site] = 1 + swing*math.Cos(2*math.Pi*(float64(at)/float64(dayLength)-float64(site)/3))
	}
	return rates
}

func (d *daily) amount() ledger.Amount { return ledger.Amount(1 + d.rng.IntN(mostOfDay)) }

// run runs a day.
func (plan day) run(t *testing.T, seed uint64) dayResult {
	t.Helper()
	spent := plan.perSecond * float64(dayLength) / 1000 * (1 + mostOfDay) / 2
	d := &daily{bank: quietBank(t, 3, ledger.Amount(spent/10)), day: plan, rng: rand.New(rand.NewPCG(seed, 2))}
	d.began = d.now
	pause := 1000 / plan.perSecond
	out, in := float64(d.now), float64(d.now) // when the next withdrawal and the next deposit come
	for d.now < d.began+dayLength {
		if out <= in {
			d.until(protocol.Millis(out))
			d.withdrawals++
			if !d.pay(d.pick(demandAt(d.now-d.began)), ledger.Withdrawal, d.amount()) {
				d.waited++
			}
			out += d.rng.ExpFloat64() * pause
		} else {
			d.until(protocol.Millis(in))
			amount := ledger.Amount(0)
			for range plan.deposits {
				amount += d.amount()
			}
			d.pay(d.pick(plan.at), ledger.Deposit, amount)
			in += pause * float64(plan.deposits) // regular, or there may be nothing left anywhere
		}
	}
	d.countGrants()
	return d.dayResult
}

// countGrants reads the grants in all journals.
func (d *daily) countGrants() {
	for i, n := range d.nodes {
		journal, err := n.disk.Batches(ledger.BranchID(i+1), 0, math.MaxInt)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, o := range journal {
			s, err := ledger.OpenSealed(o.Bytes, o.Hash)
			if err != nil {
				d.t.Fatal(err)
			}
			for k := range s.Batch.Entries {
				if s.Batch.Entries[k].Kind == ledger.Grant {
					d.grants++
				}
			}
		}
	}
}

// Escrow is where it will be spent before it is asked for: of a day's withdrawals, one in
// a hundred waits for another site at most, however far that is.
func TestOfADaysWithdrawalsFewWait(t *testing.T) {
	t.Parallel()
	even, first := [3]float64{1, 1, 1}, [3]float64{1, 0, 0}
	tryDays(t, []day{
		{perSecond: 1, at: even, deposits: 1},
		{perSecond: 1, at: first, deposits: 1},
		{perSecond: 1, at: first, deposits: 20}, // rare, and large
	})
}

func tryDays(t *testing.T, plans []day) {
	t.Helper()
	for _, trips := range [][3]protocol.Millis{{40, 80, 90}, {100, 150, 200}} {
		for _, plan := range plans {
			plan.trips = trips
			t.Run(fmt.Sprintf("%d ms, %v a second, %d at once at %v", trips, plan.perSecond, plan.deposits, plan.at), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(2) {
					r := plan.run(t, seed)
					t.Logf("%d withdrawals, %d waited, %d grants", r.withdrawals, r.waited, r.grants)
					if r.waited*100 > r.withdrawals || r.withdrawals < 1000 {
						t.Errorf("of %d withdrawals %d waited, want 1 in 100 at most", r.withdrawals, r.waited)
					}
				}
			})
		}
	}
}
