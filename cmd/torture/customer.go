package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// accounts are those the customers use; the empty name is the bank's shared
// account, the only one that opens with money.
var accounts = []string{"", "rent", "savings", "till"}

// probeAccount is only used to find out whether a branch works.
const probeAccount = "probe"

// opening is the opening balance of the shared account.
const opening = 1000

// patience is how long the customers' calls may take.
var patience = []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second}

// levels are the acknowledge levels that customers ask for; most ask for the
// default one.
var levels = []bankv1.Acknowledge{
	bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
	bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE,
	bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY, bankv1.Acknowledge_ACKNOWLEDGE_ALL,
}

// customer is one client of the bank, who makes one call after the other. Most
// of them go to its home branch.
type customer struct {
	id      int64
	home    uint32
	bank    *bank
	clients clients
	counter *counter
	rng     *rand.Rand
	// guess is the customer's last known balance of each account.
	guess map[string]int64
	made  int

	mu sync.Mutex
	// token and seen are the customer's session; era is that of the bank in
	// which it began.
	token string
	seen  positions
	era   int64
}

func newCustomer(b *bank, id int64, seed uint64) *customer {
	c, _ := newClients(b.ports, dialects[int(id)%len(dialects)])
	lists, _ := newClients(b.ports, listDialects[int(id)%len(listDialects)])
	return &customer{
		id: id, home: branchIDs[int(id)%len(branchIDs)], bank: b, clients: c,
		counter: &counter{clients: lists, idle: map[uint32]*listStream{}},
		rng:     rand.New(rand.NewPCG(seed, uint64(id))), guess: map[string]int64{"": opening},
	}
}

// live makes calls until ctx is done.
func (c *customer) live(ctx context.Context) {
	defer c.counter.close()
	for ctx.Err() == nil {
		c.bank.pause.RLock()
		c.act(ctx)
		c.bank.pause.RUnlock()
		pause(time.Duration(5+c.rng.IntN(35))*time.Millisecond, ctx.Done())
	}
}

// act makes one query, or one write with its retries, or hands in some lists.
func (c *customer) act(ctx context.Context) {
	where := c.home
	if c.rng.IntN(4) == 0 {
		where = pick(c.rng, branchIDs)
	}
	account := pick(c.rng, accounts)
	switch n := c.rng.IntN(100); {
	case n < 10:
		c.query(ctx, local, account, where)
	case n < 20:
		c.query(ctx, session, account, where)
	case n < 35:
		c.query(ctx, strong, account, where)
	case n < 40:
		c.handIn(ctx, account, where)
	case n < 57:
		c.write(ctx, c.newList(account, where))
	default:
		c.write(ctx, c.newWrite(account, where))
	}
}

// write asks for a write until it is done.
func (c *customer) write(ctx context.Context, w *write) {
	c.bank.history.addWrite(w)
	c.insist(ctx, w)
}

// nextWrite gives a write its request id.
func (c *customer) nextWrite(home uint32) *write {
	c.made++
	return &write{ID: fmt.Sprintf("c%d-%d", c.id, c.made), Customer: c.id, Home: home}
}

// aboutAll is about all that the customer believes an account to have.
func (c *customer) aboutAll(account string) int64 {
	return max(1, c.guess[account]+c.rng.Int64N(41)-25)
}

// newWrite makes up a write: often a withdrawal of about all there is.
func (c *customer) newWrite(account string, home uint32) *write {
	w := c.nextWrite(home)
	w.Account = account
	small := 1 + c.rng.Int64N(20)
	switch n := c.rng.IntN(100); {
	case n < 35:
		w.Kind, w.Amount = deposit, 4*small
	case n < 75:
		w.Kind, w.Amount = withdraw, small
		if c.rng.IntN(3) == 0 {
			w.Amount = c.aboutAll(account)
		}
	default:
		w.Kind, w.Amount = transfer, small
		w.To = pickOther(c.rng, accounts, account)
	}
	return w
}

// insist attempts a write until it is acknowledged or refused, or the customer
// loses heart. A few send it once more while they wait for the answer.
func (c *customer) insist(ctx context.Context, w *write) {
	for try := range 3 {
		asked := w.Home
		if try > 0 && c.rng.IntN(3) == 0 {
			asked = pick(c.rng, branchIDs)
		}
		var twin sync.WaitGroup
		if c.rng.IntN(12) == 0 {
			a := c.newAttempt(pick(c.rng, branchIDs))
			limit, later := pick(c.rng, patience), time.Duration(c.rng.IntN(300))*time.Millisecond
			twin.Go(func() {
				pause(later, ctx.Done())
				c.attempt(ctx, w, a, limit)
			})
		}
		o := c.attempt(ctx, w, c.newAttempt(asked), pick(c.rng, patience))
		twin.Wait()
		if o == success || o == refused || ctx.Err() != nil {
			return
		}
		pause(time.Duration(10+c.rng.IntN(150))*time.Millisecond, ctx.Done())
	}
}

func (c *customer) newAttempt(asked uint32) *attempt {
	return &attempt{Asked: asked, Level: pick(c.rng, levels), Stream: streamUse(c.rng.IntN(int(streamUses)))}
}

// attempt makes one call for a write.
func (c *customer) attempt(ctx context.Context, w *write, a *attempt, limit time.Duration) outcome {
	if w.isList() {
		c.submit(ctx, []submission{{w, a}}, limit)
		return a.Outcome
	}
	token, before, era := c.session()
	a.Before = before
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a.Began = c.bank.now()
	r, err := c.clients.send(ctx, w, a, token)
	a.Ended = c.bank.now()
	if err != nil {
		v := judge(err, w.Amount)
		a.Outcome, a.Receipt, a.Text = v.outcome, v.receipt, err.Error()
		if v.wrong != nil {
			c.bank.history.accuse(fmt.Errorf("branch %d answered %s %s: %w", a.Asked, w.Kind, w.ID, v.wrong))
		}
	} else {
		a.Outcome, a.Receipt, a.Balance, a.Unreachable = success, receiptOf(r.GetReceipt()), r.GetBalance(), r.GetUnreachableBranches()
		a.Replay = r.GetReplay()
		a.After = c.learn(r.GetSession(), era)
	}
	c.bank.history.addAttempt(w, a)
	return a.Outcome
}

// query makes one query. A local one carries no session.
func (c *customer) query(ctx context.Context, k kind, account string, where uint32) {
	r := &read{Customer: c.id, Kind: k, Account: account, Asked: where}
	token, before, era := c.session()
	if k == local {
		token, before = "", nil
	}
	r.Before = before
	ask := &bankv1.QueryRequest{Account: account, Session: token, CustomerId: c.id}
	if k == strong {
		ask.Consistency = bankv1.Consistency_CONSISTENCY_STRONG
	}
	ctx, cancel := context.WithTimeout(ctx, pick(c.rng, patience))
	defer cancel()
	r.Began = c.bank.now()
	res, err := c.clients[where].Query(ctx, ask)
	r.Ended = c.bank.now()
	if err != nil {
		v := judge(err, 0)
		r.Outcome, r.Text = v.outcome, err.Error()
		if v.wrong != nil || v.outcome == refused {
			c.bank.history.accuse(fmt.Errorf("branch %d answered a %s: %w", where, k, err))
		}
	} else {
		r.Outcome, r.Balance, c.guess[account] = success, res.GetBalance(), res.GetBalance()
		if k == local {
			r.After = c.decode(res.GetSession())
		} else {
			r.After = c.learn(res.GetSession(), era)
		}
	}
	c.bank.history.addRead(r)
}

// session returns what the customer has seen, and the era of that. A disk that
// was lost may have taken something of it along, so each loss begins an era.
func (c *customer) session() (token string, p positions, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.bank.era.Load(); c.era != now {
		c.token, c.seen, c.era = "", nil, now
	}
	return c.token, c.seen, c.era
}

// learn takes a session over from a reply to a call that began in an era.
func (c *customer) learn(token string, era int64) positions {
	p := c.decode(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.era == era && c.bank.era.Load() == era && p.covers(c.seen) {
		c.token, c.seen = token, p
	}
	return p
}

func (c *customer) decode(token string) positions {
	p, err := seen(token)
	if err != nil {
		c.bank.history.accuse(err)
	}
	return p
}

// pick chooses one of s.
func pick[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }

// pickSome chooses n of s.
func pickSome[T any](rng *rand.Rand, s []T, n int) []T {
	s = slices.Clone(s)
	rng.Shuffle(len(s), func(i, k int) { s[i], s[k] = s[k], s[i] })
	return s[:n]
}
