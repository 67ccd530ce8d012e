package customers

import (
	"context"
	"math/rand/v2"
	"slices"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// maxEachAlone bounds the operations of a list that go each by itself: any of
// them may have been carried out where a disk was lost and nobody was told, and
// check.Linear tries them all. Of 3 operations, that took it a quarter of a
// second at most in 300 rounds; of 8, once more than 20 seconds.
const maxEachAlone = 3

// newList makes up a list: over one account or several, small amounts or about
// all there is, and now and then many operations.
func (c *Customer) newList(account string, home uint32) *history.Write {
	w := c.nextWrite(home)
	w.Kind = pick(c.rng, []history.Kind{history.AllOrNone, history.EachAlone})
	among := history.Accounts
	if c.rng.IntN(3) == 0 {
		among = []string{account}
	}
	many, small := 1+c.rng.IntN(maxEachAlone), int64(20)
	if w.Kind == history.AllOrNone && c.rng.IntN(8) == 0 {
		many, small = 50+c.rng.IntN(250), 2
	}
	for range many {
		w.List = append(w.List, c.newOperation(among, small))
	}
	return w
}

// newOperation makes up an operation on one of the accounts, of up to small or,
// seldom, about all there is.
func (c *Customer) newOperation(among []string, small int64) history.Operation {
	o := history.Operation{Kind: pick(c.rng, []history.Kind{history.Deposit, history.Withdraw, history.Transfer}), Account: pick(c.rng, among), Amount: 1 + c.rng.Int64N(small)}
	if o.Kind == history.Transfer && len(among) == 1 {
		o.Kind = history.Withdraw
	}
	switch o.Kind {
	case history.Deposit:
		o.Amount *= 2
	case history.Withdraw:
		if small > 2 && c.rng.IntN(6) == 0 {
			o.Amount = c.aboutAll(o.Account)
		}
	case history.Transfer:
		o.To = pickOther(c.rng, among, o.Account)
	}
	return o
}

// handIn sends several lists before it waits for the first answer, some of them
// twice. Those that are not done then are asked for again, one by one.
func (c *Customer) handIn(ctx context.Context, account string, home uint32) {
	var lists []submission
	for range 2 + c.rng.IntN(3) {
		w := c.newList(account, home)
		c.world.History.AddWrite(w)
		for range 1 + c.rng.IntN(4)/3 {
			lists = append(lists, submission{w, c.newAttempt(home)})
		}
	}
	c.submit(ctx, lists, pick(c.rng, patience))
	for i, l := range lists {
		again := i > 0 && l.write == lists[i-1].write
		if !again && !slices.ContainsFunc(l.write.Attempts, func(a *history.Attempt) bool { return a.Outcome == history.Success || a.Outcome == history.Refused }) {
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
