package simulation

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// maxAccounts bounds the accounts of a simulated bank.
const maxAccounts = 4

// moments are one place in the history of each account, by the account's index.
type moments [maxAccounts]int

// anyOperations makes up a list of deposits, withdrawals and transfers over
// several accounts. Its amounts are small, or about all that the accounts have.
func (w *world) anyOperations() *ledger.Operations {
	many := 1 + w.rng.IntN(8)
	o := &ledger.Operations{Accounts: slices.Clone(w.accounts), AllOrNone: w.chance(0.4)}
	slices.Sort(o.Accounts)
	o.Accounts = o.Accounts[:min(len(o.Accounts), 2*many)]
	n := uint32(len(o.Accounts))
	for range many {
		from, to := uint32(1+w.rng.IntN(int(n))), uint32(0)
		amount := ledger.Amount(w.between(1, 60))
		switch k := w.rng.IntN(10); {
		case k < 3:
			from, to = 0, from
		case k < 6 && n > 1:
			to = from%n + 1
		}
		if from != 0 && w.chance(0.5) {
			amount = w.anyAmount(o.Accounts[from-1])
		}
		o.From, o.To, o.Amounts = append(o.From, from), append(o.To, to), append(o.Amounts, amount)
	}
	return o
}

// other returns operations that ask for something else.
func other(o *ledger.Operations) *ledger.Operations {
	p := *o
	p.Amounts = slices.Clone(o.Amounts)
	p.Amounts[0]++
	return &p
}

// sameEntry reports whether two entries are the same, operations included.
func sameEntry(a, b ledger.Entry) bool {
	p, q := a.Operations, b.Operations
	a.Operations, b.Operations = nil, nil
	return a == b && (p == q || p != nil && q != nil && sameOperations(p, q))
}

func sameOperations(p, q *ledger.Operations) bool {
	return p.SameAs(q) && slices.Equal(p.Insufficient, q.Insufficient) && slices.Equal(p.Unavailable, q.Unavailable)
}

// effectOfBulk calls change once for each account that a bulk changes. Nobody sees
// the balances within a bulk.
func (o *oracle) effectOfBulk(p *ledger.Operations, change func(account int, amount ledger.Amount)) {
	var net [maxAccounts]ledger.Amount
	var touched [maxAccounts]bool
	add := func(place uint32, amount ledger.Amount) {
		if place != 0 {
			a := o.index[p.Accounts[place-1]]
			net[a] += amount
			touched[a] = true
		}
	}
	for i, amount := range p.Amounts {
		if !refused(p, i) {
			add(p.From[i], -amount)
			add(p.To[i], amount)
		}
	}
	for a := range net {
		if touched[a] {
			change(a, net[a])
		}
	}
}

func refused(p *ledger.Operations, i int) bool {
	return slices.Contains(p.Insufficient, uint32(i)) || slices.Contains(p.Unavailable, uint32(i))
}

// needed returns how much of an account a list asks for: the operations that are
// carried out, at the lowest point; or the i-th one, after those before it.
func needed(p *ledger.Operations, account string, i int) ledger.Amount {
	var net, low ledger.Amount
	for k, amount := range p.Amounts {
		if k == i {
			return amount - net
		}
		if refused(p, k) {
			continue
		}
		if from := p.From[k]; from != 0 && p.Accounts[from-1] == account {
			net -= amount
		}
		if to := p.To[k]; to != 0 && p.Accounts[to-1] == account {
			net += amount
		}
		low = min(low, net)
	}
	return -low
}

// verifyBulk checks what an answer says of a list's operations.
func (w judge) verifyBulk(c *call, reply *protocol.Reply) {
	o, r, got := w.oracle, c.req, reply.Operations
	if got == nil || !got.SameAs(r.entry.Operations) && !r.misuse {
		w.fail("an answer is about what was asked for", "%+v: %+v", r.entry.Operations, got)
		return
	}
	end := o.moments()
	if at := reply.Receipt; at.Sequence != 0 {
		e := &o.journals[w.processOf(at.Branch).index][at.Sequence-1]
		if !sameOperations(got, e.Operations) {
			w.fail("an answer is what is recorded", "%+v: %+v is recorded", got, e.Operations)
		}
		if e.RecordedAt != int64(c.id) {
			return // an earlier call has carried it out, with those refusals
		}
		end = o.before[at]
	} else if at, ok := o.requests[identify(&r.entry)]; ok && !r.misuse && (len(got.Unavailable) == 0 || r.tries == 1) {
		w.fail("what is refused is not recorded", "%+v: %+v", r.entry.Operations, at)
	}
	if got.AllOrNone && got.Refused() > 0 {
		w.fail("all are carried out, or none", "%+v", got)
	}
	if len(got.Unavailable) > 0 {
		w.report.Paths["bulk refused in part as unavailable"]++
		if w.opts.Calm {
			w.fail("nothing is unavailable without a fault", "%+v", got)
		}
	}
	if len(got.Insufficient) > 0 {
		w.report.Paths["bulk refused in part as insufficient"]++
	}
	if got.Refused() == got.Len() {
		w.report.Paths["bulk refused altogether"]++
	}
	for _, i := range got.Insufficient {
		account := got.Accounts[got.From[i]-1]
		least := o.least(account, c.moments, end)
		if need := needed(got, account, int(i)); least >= need {
			w.fail("an operation is insufficient only if so at one moment", "operation %d of %+v needs %d of account %q, the least in that time was %d", i, got, need, account, least)
		}
	}
}

// moments returns where all histories end now.
func (o *oracle) moments() (at moments) {
	for i, h := range o.histories {
		at[i] = len(h) - 1
	}
	return at
}

// least returns the least that an account had over all branches from one
// moment to another.
func (o *oracle) least(account string, from, to moments) ledger.Amount {
	i := o.index[account]
	return slices.Min(o.histories[i][from[i] : to[i]+1])
}
