package replica

import (
	"maps"

	"passbook.example/passbook/branch/broadcast"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// demands are what this branch has learned of which branches spend which accounts, from
// the journals of all and from claims. What was spent lately tells where escrow will be
// spent. Nothing depends on its being right: a grant is covered by the escrow here, and a
// branch that lacks some claims it.
//
// An account is hot while peers claim it again and again, or would because half of it is
// spent within moments. Then every batch that is made here anyway brings its escrow to where
// it is spent (shareAccount). That saves the withdrawals there a claim, its answer, and a
// batch of its own. Otherwise what a branch will lack is granted before it does, seldom and
// in large pieces (grantAhead).
type demands struct {
	// of are the demands by account.
	of map[string]*demand
	// sweptAt is when accounts were forgotten last.
	sweptAt protocol.Millis
	// hotUntil is until when any account is hot.
	hotUntil protocol.Millis
	// changed are the accounts about which something was posted since the last Ready.
	changed []*demand
}

// demand is that of one account.
type demand struct {
	account string // its name
	// spent is what the branches have spent of it, by index; what was spent long ago counts
	// less, or not at all. total is the sum, spends how often it was.
	spent  []ledger.Amount
	total  ledger.Amount
	spends int
	// usedAt is when something was spent or claimed last, claimedAt when it was claimed.
	usedAt, claimedAt protocol.Millis
	// fadedAt is when what was spent before last began to count half.
	fadedAt protocol.Millis
	// hotUntil is until when the account is hot.
	hotUntil protocol.Millis
	// grantedAt is when this branch last granted some of it ahead.
	grantedAt protocol.Millis
	// made says that this Ready's batch is about the account, moved that another branch has
	// spent some, or some was paid in here.
	made, moved bool
}

// isHot reports whether peers claim an account again and again.
func (es *escrow) isHot(d *demand) bool { return es.Now < d.hotUntil }

// heat makes an account hot, or keeps it so.
func (es *escrow) heat(d *demand) {
	d.hotUntil = es.Now + hotFor
	es.demands.hotUntil = d.hotUntil
}

// claimed counts what a peer lacks of an account as spent there.
func (es *escrow) claimed(p *broadcast.Peer, account string, amount ledger.Amount) {
	d := es.follow(account)
	if d == nil {
		return // it claims again
	}
	if es.Now-d.claimedAt < hotFor {
		es.heat(d)
	}
	d.claimedAt = es.Now
	es.count(d, p.Index, amount)
}

// follow returns the demand of an account, from now on if it was not followed; nil if there
// are too many.
func (es *escrow) follow(account string) *demand {
	d := es.demands.of[account]
	if d == nil && len(es.demands.of) < es.mostDemands() {
		d = &demand{account: account, spent: make([]ledger.Amount, es.N), claimedAt: es.Now - hotFor, fadedAt: es.Now, grantedAt: es.Now - grantPause}
		es.demands.of[account] = d
	}
	return d
}

// mostDemands is how many accounts' demands are kept: each takes memory for all branches.
func (es *escrow) mostDemands() int { return min(maxDemands, maxDemandCells/es.N) }

// count counts what a branch has spent of an account, or would have. When as much was
// spent as a half of what there is, and often enough, all before counts half. So what
// counts is about the time in which a part of the account was spent: neither seconds nor
// days mean the same for all accounts. Only where that would be moments, it is longer.
func (es *escrow) count(d *demand, i int, amount ledger.Amount) {
	most := ledger.MaxAmount / ledger.Amount(4*es.N) // so that the sum of all is an amount
	amount = min(amount, most-d.spent[i])
	d.spent[i] += amount
	d.total += amount
	d.spends++
	d.usedAt = es.Now
	if d.spends >= 2*demandSpends && es.Now-d.fadedAt >= demandSpan && d.total >= es.Ledger.Balance(d.account)/2 {
		if es.isHot(d) && es.Now-d.fadedAt < hotFor {
			es.heat(d) // without sharing, it would soon be claimed again
		}
		d.fade(es.Now)
	}
}

// fade makes all that was spent count half.
func (d *demand) fade(now protocol.Millis) {
	d.fadedAt, d.spends, d.total = now, d.spends/2, 0
	for i := range d.spent {
		d.spent[i] /= 2
		d.total += d.spent[i]
	}
}

// followSpent learns from an entry of the i-th branch. What lists spend is known by their
// claims only.
func (es *escrow) followSpent(i int, e *ledger.Entry) {
	if e.Kind == ledger.Bulk {
		if i == es.Self && es.Now < es.demands.hotUntil {
			e.EachAccount(func(name string) { es.note(es.demands.of[name], true, false) })
		}
		return
	}
	d := es.demands.of[e.Account]
	spends := e.Kind == ledger.Withdrawal || e.Kind == ledger.Transfer
	if spends {
		if d == nil && es.ownsLittle(i, e.Account) {
			d = es.follow(e.Account)
		}
		if d != nil {
			es.count(d, i, e.Amount)
		}
	}
	own := i == es.Self
	es.note(d, own, spends && !own || e.Kind == ledger.Deposit && own)
	if e.Kind == ledger.Transfer && own {
		es.note(es.demands.of[e.ToAccount], true, true)
	}
}

// ownsLittle reports whether a branch owns less than half of an account that it spends.
// Only then may it lack some soon.
func (es *escrow) ownsLittle(i int, account string) bool {
	return es.Ledger.Escrow(account, i) < es.Ledger.Balance(account)/2
}

// note makes the next shareOut consider an account, if it is followed.
func (es *escrow) note(d *demand, made, moved bool) {
	if d == nil || !made && !moved {
		return
	}
	if !d.made && !d.moved {
		es.demands.changed = append(es.demands.changed, d)
	}
	d.made, d.moved = d.made || made, d.moved || moved
}

// forgetDemands forgets the accounts of which nothing was spent for long.
func (es *escrow) forgetDemands() {
	if es.Now-es.demands.sweptAt < demandSweep {
		return
	}
	es.demands.sweptAt = es.Now
	kept := demandKept
	if len(es.demands.of) >= es.mostDemands() {
		kept = demandKeptFull // there may be others that are used more
	}
	maps.DeleteFunc(es.demands.of, func(_ string, d *demand) bool { return es.Now-d.usedAt >= kept })
}
