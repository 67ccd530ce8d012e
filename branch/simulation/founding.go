package simulation

import "passbook.example/passbook/branch/ledger"

// foundingMillis is how long the founding of a bank is disturbed: it takes a few
// round trips.
const foundingMillis = 60

// disturbFounding makes things go wrong while the bank is founded, which takes a
// short time: branches crash and lose their disks, and links break, at any moment.
func (w *world) disturbFounding() {
	w.strike = strike(w.rng.IntN(3))
	for range w.rng.IntN(6) {
		action := []func(*world){crashOne, crashAll, wipeUnfounded, wipeFounder, linkFlap, failCommit}[w.rng.IntN(6)]
		w.after(w.between(1, foundingMillis*1000), func() {
			if !w.calm {
				action(w)
			}
		})
	}
}

// strike is when the founding branch loses its disk, apart from random losses.
type strike uint8

const (
	// atAcceptance: as soon as another one has recorded what it proposes.
	atAcceptance strike = iota + 1
	// atFounding: as soon as it has recorded that the bank is founded, which
	// nobody else knows yet.
	atFounding
)

// struck makes the founder lose its disk if a commit is the moment for that. It
// reports whether the branch that has committed is down.
func (w *world) struck(p *process, c *ledger.Commit) bool {
	if c.Bank == nil || w.strike == 0 || w.calm {
		return false
	}
	founder := w.processes[0]
	if w.strike == atFounding && (p != founder || !c.Bank.Founded) || w.strike == atAcceptance && (p == founder || c.Bank.Founded) {
		return false
	}
	w.strike = 0
	founder.wipeBeforeEntries()
	return !p.up()
}

// wipeUnfounded loses a disk while the bank is founded, one at a time.
func wipeUnfounded(w *world) { w.anyProcess().wipeBeforeEntries() }

// wipeFounder loses the disk of the founding branch.
func wipeFounder(w *world) { w.processes[0].wipeBeforeEntries() }

// wipeBeforeEntries loses a disk, unless a branch has written already, or one has
// lost its disk and has not heard since which bank it belongs to.
func (p *process) wipeBeforeEntries() {
	w := p.w
	for i, o := range w.processes {
		if o.wiped || len(w.oracle.journals[i]) > 0 || w.oracle.unknowing(o) {
			return
		}
	}
	if !p.up() {
		return
	}
	w.report.Faults["disk wiped while the bank is founded"]++
	w.oracle.knows[p.index], w.oracle.proposed[p.index] = false, ledger.BankID{}
	p.replaceDisk()
}

// unknowing reports whether a branch has lost its disk, and does not know the
// founded bank again.
func (o *oracle) unknowing(p *process) bool {
	return o.founded != (ledger.Bank{}) && p.disk.image.bank != o.founded && !o.knows[p.index]
}

// recorded checks what a commit of a branch says of the bank that it belongs to.
func (o *oracle) recorded(p *process, c *ledger.Commit) {
	if c.Bank != nil {
		o.bank(p)
	}
	for _, b := range c.Batches {
		if b.Batch.FirstSequence == 1 && b.Batch.PrevHash != o.founded.Genesis(o.w.branches, o.w.opening) {
			o.w.fail("nobody writes before the bank is founded", "branch %d has entry 1 of branch %d, which does not follow the genesis", p.id, b.Batch.Branch)
		}
	}
}

// bank checks the bank that a disk belongs to, which may just have changed.
func (o *oracle) bank(p *process) {
	now := p.disk.image.bank
	switch {
	case now.Founded && o.founded == (ledger.Bank{}):
		o.found(p, now)
	case now.Founded && now != o.founded:
		o.w.fail("a bank has one id for ever", "branch %d records %v, the bank is %v", p.id, now, o.founded)
	case now.Founded:
		o.w.report.Paths["bank founded at a branch that hears of it"]++
	case o.proposed[p.index] != now.ID && o.proposed[p.index] != ledger.BankID{}:
		o.w.report.Paths["accepted id replaced"]++
	}
	o.proposed[p.index] = now.ID
}

// found notes that the bank is founded: from now on every disk knows the id,
// except for those that are lost.
func (o *oracle) found(p *process, b ledger.Bank) {
	o.founded = b
	for i, q := range o.w.processes {
		o.knows[i] = q.disk.image.bank.ID == b.ID
		if !o.knows[i] && !q.wiped {
			o.w.fail("a bank is founded when every branch knows its id", "branch %d founds %v, branch %d has recorded %v", p.id, b, q.id, q.disk.image.bank)
		}
	}
	if p.index == 0 && p.disk.epoch == 1 && p.boot > 1 {
		o.w.report.Paths["bank founded with an id that the others had accepted"]++
	}
}
