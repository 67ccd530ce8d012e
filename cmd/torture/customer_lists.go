package main

import (
	"context"
	"math/rand/v2"
	"slices"
)

// maxEachAlone bounds the operations of a list that go each by itself: any of
// them may have been carried out where a disk was lost and nobody was told, and
// checkLinear tries them all. Of 3 operations, that took it a quarter of a
// second at most in 300 rounds; of 8, once more than 20 seconds.
const maxEachAlone = 3

// newList makes up a list: over one account or several, small amounts or about
// all there is, and now and then many operations.
func (c *customer) newList(account string, home uint32) *write {
	w := c.nextWrite(home)
	w.Kind = pick(c.rng, []kind{allOrNone, eachAlone})
	among := accounts
	if c.rng.IntN(3) == 0 {
		among = []string{account}
	}
	many, small := 1+c.rng.IntN(maxEachAlone), int64(20)
	if w.Kind == allOrNone && c.rng.IntN(8) == 0 {
		many, small = 50+c.rng.IntN(250), 2
	}
	for range many {
		w.List = append(w.List, c.newOperation(among, small))
	}
	return w
}

// newOperation makes up an operation on one of the accounts, of up to small or,
// seldom, about all there is.
func (c *customer) newOperation(among []string, small int64) operation {
	o := operation{Kind: pick(c.rng, []kind{deposit, withdraw, transfer}), Account: pick(c.rng, among), Amount: 1 + c.rng.Int64N(small)}
	if o.Kind == transfer && len(among) == 1 {
		o.Kind = withdraw
	}
	switch o.Kind {
	case deposit:
		o.Amount *= 2
	case withdraw:
		if small > 2 && c.rng.IntN(6) == 0 {
			o.Amount = c.aboutAll(o.Account)
		}
	case transfer:
		o.To = pickOther(c.rng, among, o.Account)
	}
	return o
}

// handIn sends several lists before it waits for the first answer, some of them
// twice. Those that are not done then are asked for again, one by one.
func (c *customer) handIn(ctx context.Context, account string, home uint32) {
	var lists []submission
	for range 2 + c.rng.IntN(3) {
		w := c.newList(account, home)
		c.bank.history.addWrite(w)
		for range 1 + c.rng.IntN(4)/3 {
			lists = append(lists, submission{w, c.newAttempt(home)})
		}
	}
	c.submit(ctx, lists, pick(c.rng, patience))
	for i, l := range lists {
		again := i > 0 && l.write == lists[i-1].write
		if !again && !slices.ContainsFunc(l.write.Attempts, func(a *attempt) bool { return a.Outcome == success || a.Outcome == refused }) {
			c.insist(ctx, l.write)
		}
	}
}

// pickOther chooses one of s that is not but.
func pickOther(rng *rand.Rand, s []string, but string) string {
	for {
		if other := pick(rng, s); other != but {
			return other
		}
	}
}
