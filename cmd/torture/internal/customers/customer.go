package customers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// patience is how long the customers' calls may take.
var patience = []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second}

// levels are the acknowledge levels that customers ask for; most ask for the
// default one.
var levels = []bankv1.Acknowledge{
	bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, bankv1.Acknowledge_ACKNOWLEDGE_LOCAL,
	bankv1.Acknowledge_ACKNOWLEDGE_UNSPECIFIED, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE,
	bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY, bankv1.Acknowledge_ACKNOWLEDGE_ALL, bankv1.Acknowledge_ACKNOWLEDGE_NEAREST,
}

// Customer is one client of the bank, who makes one call after the other. Most
// of them go to its home branch.
type Customer struct {
	// id is what the branches know it by.
	id int64
	// home is the branch that it mostly calls.
	home uint32
	// world is what it shares with others.
	world *World
	// clients are for calls, counter for lists.
	clients Clients
	counter *counter
	// rng decides what it does.
	rng *rand.Rand
	// guess is the customer's last known balance of each account.
	guess map[string]int64
	// made counts its writes.
	made int

	// mu guards the session.
	mu sync.Mutex
	// token and seen are the customer's session; era is that of the bank in
	// which it began.
	token string
	seen  history.Positions
	era   int64
}

// New returns a customer of the bank of w. The id decides its dialect and
// its home, and with the seed what it does.
func New(w *World, id int64, seed uint64) *Customer {
	c := dial(w.Ports, dialects[int(id)%len(dialects)])
	lists := dial(w.Ports, listDialects[int(id)%len(listDialects)])
	return &Customer{
		id: id, home: history.BranchIDs[int(id)%len(history.BranchIDs)], world: w, clients: c,
		counter: &counter{clients: lists, idle: map[uint32]*listStream{}},
		rng:     rand.New(rand.NewPCG(seed, uint64(id))), guess: map[string]int64{"": history.Opening},
	}
}

// NewCaller returns a customer that makes the attempts it is told, and nothing by
// itself.
func NewCaller(w *World, c Clients) *Customer { return &Customer{world: w, clients: c} }

// Live makes calls until ctx is done.
func (c *Customer) Live(ctx context.Context) {
	defer c.counter.close()
	for ctx.Err() == nil {
		c.world.Quiet.RLock()
		c.act(ctx)
		c.world.Quiet.RUnlock()
		road.Pause(time.Duration(5+c.rng.IntN(35))*time.Millisecond, ctx.Done())
	}
}

// act makes one query, or one write with its retries, or hands in some lists.
func (c *Customer) act(ctx context.Context) {
	where := c.home
	if c.rng.IntN(4) == 0 {
		where = pick(c.rng, history.BranchIDs)
	}
	account := pick(c.rng, history.Accounts)
	switch n := c.rng.IntN(100); {
	case n < 10:
		c.query(ctx, history.Local, account, where)
	case n < 20:
		c.query(ctx, history.Session, account, where)
	case n < 35:
		c.query(ctx, history.Strong, account, where)
	case n < 40:
		c.handIn(ctx, account, where)
	case n < 57:
		c.write(ctx, c.newList(account, where))
	default:
		c.write(ctx, c.newWrite(account, where))
	}
}

// write asks for a write until it is done.
func (c *Customer) write(ctx context.Context, w *history.Write) {
	c.world.History.AddWrite(w)
	c.insist(ctx, w)
}

// nextWrite gives a write its request id.
func (c *Customer) nextWrite(home uint32) *history.Write {
	c.made++
	return &history.Write{ID: fmt.Sprintf("c%d-%d", c.id, c.made), Customer: c.id, Home: home}
}

// aboutAll is about all that the customer believes an account to have.
func (c *Customer) aboutAll(account string) int64 {
	return max(1, c.guess[account]+c.rng.Int64N(41)-25)
}

// newWrite makes up a write: often a withdrawal of about all there is.
func (c *Customer) newWrite(account string, home uint32) *history.Write {
	w := c.nextWrite(home)
	w.Account = account
	small := 1 + c.rng.Int64N(20)
	switch n := c.rng.IntN(100); {
	case n < 35:
		w.Kind, w.Amount = history.Deposit, 4*small
	case n < 75:
		w.Kind, w.Amount = history.Withdraw, small
		if c.rng.IntN(3) == 0 {
			w.Amount = c.aboutAll(account)
		}
	default:
		w.Kind, w.Amount = history.Transfer, small
		w.To = pickOther(c.rng, history.Accounts, account)
	}
	return w
}

// insist attempts a write until it is acknowledged or refused, or the customer
// loses heart. A few send it once more while they wait for the answer.
func (c *Customer) insist(ctx context.Context, w *history.Write) {
	for try := range 3 {
		asked := w.Home
		if try > 0 && c.rng.IntN(3) == 0 {
			asked = pick(c.rng, history.BranchIDs)
		}
		var twin sync.WaitGroup
		if c.rng.IntN(12) == 0 {
			a := c.newAttempt(pick(c.rng, history.BranchIDs))
			limit, later := pick(c.rng, patience), time.Duration(c.rng.IntN(300))*time.Millisecond
			twin.Go(func() {
				road.Pause(later, ctx.Done())
				c.Attempt(ctx, w, a, limit)
			})
		}
		o := c.Attempt(ctx, w, c.newAttempt(asked), pick(c.rng, patience))
		twin.Wait()
		if o == history.Success || o == history.Refused || ctx.Err() != nil {
			return
		}
		road.Pause(time.Duration(10+c.rng.IntN(150))*time.Millisecond, ctx.Done())
	}
}

func (c *Customer) newAttempt(asked uint32) *history.Attempt {
	return &history.Attempt{Asked: asked, Level: pick(c.rng, levels), Stream: history.StreamUse(c.rng.IntN(int(history.StreamUses)))}
}

// Attempt makes one call for a write.
func (c *Customer) Attempt(ctx context.Context, w *history.Write, a *history.Attempt, limit time.Duration) history.Outcome {
	if w.IsList() {
		c.submit(ctx, []submission{{w, a}}, limit)
		return a.Outcome
	}
	token, before, era := c.session()
	a.Before = before
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	a.Began = c.world.Now()
	r, err := c.clients.send(ctx, w, a, token)
	a.Ended = c.world.Now()
	if err != nil {
		v := judge(err, w.Amount)
		a.Outcome, a.Receipt, a.Text = v.outcome, v.receipt, err.Error()
		if v.wrong != nil {
			c.world.History.Accuse(fmt.Errorf("branch %d answered %s %s: %w", a.Asked, w.Kind, w.ID, v.wrong))
		}
	} else {
		a.Outcome, a.Receipt, a.Balance, a.Unreachable = history.Success, history.ReceiptOf(r.GetReceipt()), r.GetBalance(), r.GetUnreachableBranches()
		a.Replay = r.GetReplay()
		a.After = c.learn(r.GetSession(), era)
	}
	c.world.History.AddAttempt(w, a)
	return a.Outcome
}

// query makes one query. A local one carries no session.
func (c *Customer) query(ctx context.Context, k history.Kind, account string, where uint32) {
	r := &history.Read{Customer: c.id, Kind: k, Account: account, Asked: where}
	token, before, era := c.session()
	if k == history.Local {
		token, before = "", nil
	}
	r.Before = before
	ask := &bankv1.QueryRequest{Account: account, Session: token, CustomerId: c.id}
	if k == history.Strong {
		ask.Consistency = bankv1.Consistency_CONSISTENCY_STRONG
	}
	ctx, cancel := context.WithTimeout(ctx, pick(c.rng, patience))
	defer cancel()
	r.Began = c.world.Now()
	res, err := c.clients[where].Query(ctx, ask)
	r.Ended = c.world.Now()
	if err != nil {
		v := judge(err, 0)
		r.Outcome, r.Text = v.outcome, err.Error()
		if v.wrong != nil || v.outcome == history.Refused {
			c.world.History.Accuse(fmt.Errorf("branch %d answered a %s: %w", where, k, err))
		}
	} else {
		r.Outcome, r.Balance, c.guess[account] = history.Success, res.GetBalance(), res.GetBalance()
		if k == history.Local {
			r.After = c.decode(res.GetSession())
		} else {
			r.After = c.learn(res.GetSession(), era)
		}
	}
	c.world.History.AddRead(r)
}

// session returns what the customer has seen, and the era of that. A disk that
// was lost may have taken something of it along, so each loss begins an era.
func (c *Customer) session() (token string, p history.Positions, era int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.world.Era.Load(); c.era != now {
		c.token, c.seen, c.era = "", nil, now
	}
	return c.token, c.seen, c.era
}

// learn takes a session over from a reply to a call that began in an era.
func (c *Customer) learn(token string, era int64) history.Positions {
	p := c.decode(token)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.era == era && c.world.Era.Load() == era && p.Covers(c.seen) {
		c.token, c.seen = token, p
	}
	return p
}

func (c *Customer) decode(token string) history.Positions {
	p, err := seen(token)
	if err != nil {
		c.world.History.Accuse(err)
	}
	return p
}

// pick chooses one of s.
func pick[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }
