package simulation

import (
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// mostStill is how long the accounts of a branch may be frozen in any second,
// whoever asks for it.
const mostStill protocol.Millis = 250

// still is how long accounts of a branch were frozen, on its own clock.
type still struct {
	// spans are those of the last second, oldest first.
	spans []span
	// since is when the branch was last looked at, until is until when something
	// was frozen then.
	since, until protocol.Millis
}

// span is a time in which something was frozen, on the branch's clock.
type span struct {
	from, to protocol.Millis // to is not a part of it
}

// checkStill records which accounts are frozen, after everything that may change that.
func (p *process) checkStill() {
	s, now := &p.still, p.now()
	if to := min(now, s.until); to > s.since {
		s.spans = append(s.spans, span{s.since, to})
	}
	for len(s.spans) > 0 && s.spans[0].to <= now-1000 {
		s.spans = s.spans[1:]
	}
	s.since, s.until = now, p.replica.FrozenUntil()
	var sum protocol.Millis
	for _, h := range s.spans {
		sum += h.to - max(h.from, now-1000)
	}
	if sum > mostStill {
		p.w.fail("writes stand still for a quarter of a second at most", "accounts of branch %d were frozen for %d ms of the last 1000", p.id, sum)
	}
}

// checkSeats checks the accounts that are frozen for a chair: but for a write that changes
// several accounts, nothing changes them, and not even that if they are so firmly.
func (p *process) checkSeats() {
	if p.w.oracle.forked {
		return // two processes may be the chair of one account
	}
	for _, account := range p.w.accounts {
		f := p.replica.SeatFreeze(account)
		if f == nil {
			continue
		}
		last := p.replica.Ledger().Last(account, p.index)
		if last == f.Answered {
			continue
		}
		if e := p.disk.entry(p.index, last); e != nil && (f.Firm || e.Kind != ledger.Transfer && e.Kind != ledger.Bulk) {
			p.w.fail("a frozen account does not change", "branch %d has recorded entry %d, which changes account %q, since its answer to look %d of chain %d", p.id, last, account, f.Step, f.Chain)
		}
	}
}

// checkFreezes checks that no chair has an account frozen for longer than it may.
func (p *process) checkFreezes() {
	for _, account := range p.w.accounts {
		if f := p.replica.SeatFreeze(account); f != nil && p.now()-f.Since > p.w.peerTimeout/2 {
			p.w.fail("a freeze ends after half a time-out", "account %q of branch %d is frozen for %d ms, since look %d of chain %d", account, p.id, p.now()-f.Since, f.Step, f.Chain)
		}
	}
}

// freezeAll asks a branch for looks that freeze for a second or two, in the names of
// its peers, in between their own looks.
func freezeAll(w *world) {
	p := w.anyProcess()
	w.report.Faults["freezes in others' names"]++
	w.freezeOn(p, w.now+w.between(500_000, 2_000_000), w.between(500, 50_000))
}

// freezeOn asks again and again until a given time.
func (w *world) freezeOn(p *process, until, every int64) {
	if w.now > until || w.calm || w.sheltered != nil {
		return
	}
	if from := w.anyProcess(); from.index != p.index && p.up() {
		c := w.paths.asked
		if w.chance(0.5) {
			c = protocol.Collect{Account: w.accounts[w.rng.IntN(len(w.accounts))], Collect: w.rng.Uint64()}
		}
		if c.Account == "" {
			c.Account = ledger.SharedAccount
		}
		c.ID, c.Look, c.Freeze = w.rng.Uint64()|1<<63, max(1, c.Look+uint64(w.rng.IntN(3))), true
		c.Mark = 0 // or it could end a mark in another's name, which nobody could tell
		m := protocol.Message{From: from.id, To: p.id, Collect: &c}
		w.note("branch %d gets, from nobody, %v", p.id, messageText{&m})
		w.deliverCall(p, p.boot, m)
	}
	w.after(w.between(1, 2*every), func() { w.freezeOn(p, until, every) })
}
