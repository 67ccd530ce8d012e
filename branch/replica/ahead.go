package replica

import (
	"passbook.example/passbook/branch/ledger"
)

// outlook is what the branches that can be reached should own of an account, by what they
// have spent of it.
type outlook struct {
	*demand
	// reserve is what each branch that spends should own for its next withdrawal or two.
	// rest is what all own besides, of which each should have a part by its weight.
	reserve, rest ledger.Amount
	// telling is what a branch has spent that spends the account again and again: one
	// withdrawal alone tells nothing of the next.
	telling ledger.Amount
	// least is the weight of a branch that spends less, weights the sum of all weights.
	least, weights ledger.Amount
}

// grantAhead grants the branches that will lack escrow of an account soonest what this branch
// will not spend itself, before they claim it. This branch gives what the richer ones can't:
// all see the same, only not at the same time, so mostly one of them gives.
//
// It does so when something was spent elsewhere or has come in here, and never because of a
// grant. So two branches that disagree don't send escrow to and fro.
func (es *escrow) grantAhead(d *demand) {
	name := d.account
	if d.spends < leastSpends || es.Now-d.grantedAt < grantPause || !es.mayGive(name) || es.isFrozen(name) {
		return
	}
	o, ok := es.outlook(d)
	if !ok {
		return
	}
	here := es.surplus(&o, es.Self)
	richer := es.surplusOfRicher(&o)
	for i, p := range es.Peers {
		if here <= 0 {
			return
		}
		lack := es.lack(&o, i)
		byOthers := min(lack, richer)
		richer -= byOthers
		amount := min(lack-byOthers, here)
		if amount <= 0 || amount < lack/worthGranting {
			continue
		}
		here -= amount
		d.grantedAt = es.Now
		es.own.Post(ledger.Entry{Kind: ledger.Grant, Account: name, ToBranch: p.Branch, Amount: amount})
	}
}

// outlook returns that of an account. It reports false when there is so little that each
// branch would have too little for its next withdrawals: then only a claim brings enough
// together.
func (es *escrow) outlook(d *demand) (outlook, bool) {
	o := outlook{demand: d, least: max(1, d.total/ledger.Amount(idlePart*es.N)), reserve: reserveSpends * (d.total / ledger.Amount(d.spends)), telling: max(1, 3*d.total/ledger.Amount(2*d.spends))}
	spending := ledger.Amount(0)
	for i := range es.Peers {
		if !es.inReach(i) {
			continue
		}
		o.rest += es.Ledger.Escrow(d.account, i)
		o.weights += o.weight(i)
		if d.spent[i] > 0 {
			spending++
		}
	}
	if spending == 0 || o.rest/spending < o.reserve {
		return o, false
	}
	o.rest -= spending * o.reserve
	return o, true
}

// inReach reports whether a branch is this one or can be reached: what any other one is
// granted is stuck there.
func (es *escrow) inReach(i int) bool { return i == es.Self || es.Callable(es.Peers[i]) }

// weight is the part of a branch, in relation to those of the others.
func (o *outlook) weight(i int) ledger.Amount { return max(o.spent[i], o.least) }

// due is what a branch should own.
func (o *outlook) due(i int) ledger.Amount {
	due := part(o.rest, o.weight(i), o.weights)
	if o.spent[i] > 0 {
		due += o.reserve
	}
	return due
}

// lack is what a branch that can be reached should be granted, before it lacks it: nothing
// unless it owns less than half of its due, or too little for its next withdrawals. What it
// owns and would take long to spend is enough, whatever its part is.
func (es *escrow) lack(o *outlook, i int) ledger.Amount {
	if i == es.Self || !es.inReach(i) || o.spent[i] < o.telling {
		return 0
	}
	owns, due := es.Ledger.Escrow(o.account, i), o.due(i)
	if owns >= o.reserve && (owns >= due/2 || owns/soonSpent >= o.spent[i]) {
		return 0
	}
	return due - owns
}

// surplus is what a branch owns above its due.
func (es *escrow) surplus(o *outlook, i int) ledger.Amount {
	return max(0, es.Ledger.Escrow(o.account, i)-o.due(i))
}

// surplusOfRicher is what the branches that own more than this one can give.
func (es *escrow) surplusOfRicher(o *outlook) (sum ledger.Amount) {
	here := es.Ledger.Escrow(o.account, es.Self)
	for i := range es.Peers {
		owns := es.Ledger.Escrow(o.account, i)
		if es.inReach(i) && (owns > here || owns == here && i < es.Self) {
			sum += es.surplus(o, i)
		}
	}
	return sum
}
