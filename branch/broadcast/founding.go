package broadcast

import (
	"fmt"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// founding is how the branches of a file that meet for the first time agree on
// the id of their bank before any of them writes.
//
// The branch with the lowest id founds. Once it has heard from every other
// branch it records an id, and proposes it. Each of the others records the
// proposal, and says so. When all of them have, the founder records that the
// bank is founded, and each branch that hears of it records it too. A founded id
// counts for ever: an empty branch that hears of one records it.
//
// A founder that has lost its disk asks first, as every empty branch does. If
// all the others have accepted the same id, the bank may have been founded with
// it, and now it is. If one of them has not, it can't have been, and the founder may
// propose another id, which takes the place of the one before.
type founding struct {
	*Core              // what all parts know
	alarms   *Alarms   // what the operator is told
	progress *progress // the peers, and frames for them
	// charter is the BankHash of this branch: a link with a branch with another one
	// is refused.
	charter ledger.Hash
	// bank is what this branch has recorded, or records with this Ready.
	bank ledger.Bank
	// proposal is the id that this branch proposes if it founds.
	proposal ledger.BankID
	// said is the bank that each peer has named last, by index. met says that the
	// peer has named one since the start, and belongs to this bank.
	said []ledger.Bank
	met  []bool // by index
	// strangers say why the last hello of a peer was refused, strangeAt when that
	// was.
	strangers []string
	strangeAt []protocol.Millis // by index
	// askedAt is when the peers were last told what this branch has recorded;
	// next is the one to be told next besides the founder.
	askedAt protocol.Millis
	next    int
}

func newFounding(c *Core, a *Alarms, pr *progress) founding {
	return founding{
		Core: c, alarms: a, progress: pr, charter: protocol.BankHash(c.Ledger.Branches(), c.Config.Opening), bank: c.Config.Bank, proposal: c.Config.Proposal,
		said: make([]ledger.Bank, c.N), met: make([]bool, c.N), strangers: make([]string, c.N), strangeAt: make([]protocol.Millis, c.N), askedAt: c.Now,
	}
}

// introduction returns the hello for a peer that gets no link.
func (f *founding) introduction(to ledger.BranchID) *protocol.Hello {
	return &protocol.Hello{Version: protocol.Version, Branch: f.Config.ID, To: to, Epoch: f.epoch, Bank: f.charter, Identity: f.bank}
}

// stranger returns why the speaker of a hello is not a peer, and records it; empty if
// it is one. end says whether to end the link on which the hello came.
func (f *founding) stranger(p *Peer, h *protocol.Hello, end bool) string {
	problem := f.problem(p.Branch, f.charter, h)
	changed := problem != f.strangers[p.Index]
	if changed {
		f.strangers[p.Index] = problem
		f.Recheck = true // it may serve now, or no longer hope to
	}
	if problem == "" {
		return ""
	}
	f.strangeAt[p.Index] = f.Now
	if !p.heard { // else somebody speaks in its name
		f.met[p.Index] = false
	}
	f.alarms.count(p, protocol.BadBank)
	refusal := protocol.Refusal{Peer: p.Branch, Lie: protocol.BadBank, Text: problem, Close: end, First: changed}
	if refusal.First || refusal.Close {
		f.out.Refusals = append(f.out.Refusals, refusal)
	}
	p.closing = p.closing || refusal.Close
	return problem
}

func (f *founding) problem(b ledger.BranchID, charter ledger.Hash, h *protocol.Hello) string {
	switch mine, theirs := f.bank, h.Identity; {
	case h.Version != protocol.Version:
		return fmt.Sprintf("branch %d speaks version %d of what branches say to each other, and this branch version %d: run the same program at both", b, h.Version, protocol.Version)
	case ledger.CheckBankName(theirs.Name) != nil:
		return fmt.Sprintf("branch %d gives its bank a name that no bank can have: %v", b, ledger.CheckBankName(theirs.Name))
	case theirs.Founded && theirs.ID == (ledger.BankID{}):
		return fmt.Sprintf("branch %d belongs to another bank: it says that it is founded, and names no id", b)
	case mine.Name != theirs.Name, mine.Founded && theirs.Founded && mine.ID != theirs.ID:
		return fmt.Sprintf("branch %d belongs to %v, and this branch to %v: one of them has a directory, an address or a --bank that is not its own", b, theirs, mine)
	case h.Bank != charter:
		return fmt.Sprintf("branch %d belongs to another bank: its branches or its opening balance differ", b)
	}
	return ""
}

// hearBank records what a peer of this bank says about the founding.
func (f *founding) hearBank(p *Peer, said ledger.Bank) {
	f.met[p.Index], f.said[p.Index] = true, said
	switch {
	case f.bank.Founded:
	case said.Founded:
		f.founded(said.ID)
		if f.Self == 0 {
			f.tellBank(f.Peers...) // they ask it first
		}
	case p.Index == 0 && said.ID != ledger.BankID{}:
		if f.bank.ID != said.ID {
			f.recordBank(ledger.Bank{Name: f.bank.Name, ID: said.ID})
		}
		f.progress.sayHello(p) // which says that it is recorded
		return
	}
	if p.told != f.bank && said != f.bank {
		f.progress.sayHello(p) // it was told less before
	}
}

// recordBank makes this Ready's commit record which bank the branch belongs to.
func (f *founding) recordBank(b ledger.Bank) {
	f.bank = b
	f.commit.Bank, f.commit.Sync = &b, true
}

// founded records that the bank is founded.
func (f *founding) founded(id ledger.BankID) {
	f.recordBank(ledger.Bank{Name: f.bank.Name, ID: id, Founded: true})
	if err := f.Ledger.Found(f.genesis()); err != nil {
		f.fail(err)
	}
	f.Recheck = true
}

// genesis returns the hash that the first batch of every journal follows in a founded
// bank.
func (f *founding) genesis() ledger.Hash {
	return f.bank.Genesis(f.Ledger.Branches(), f.Config.Opening)
}

// step goes on with the founding, if there is anything to do.
func (f *founding) step() {
	if f.bank.Founded {
		return
	}
	told := f.bank.ID
	switch id, sure := f.choose(); {
	case sure:
		f.founded(id)
	case id != ledger.BankID{} && id != told:
		f.recordBank(ledger.Bank{Name: f.bank.Name, ID: id})
	}
	switch {
	case f.bank.Founded || f.Self == 0 && f.bank.ID != told:
		f.tellBank(f.Peers...)
	case f.Now-f.askedAt >= f.Config.PeerTimeout:
		f.askBank()
	}
}

// choose returns the id with which this branch founds the bank, if it is sure that it
// may, or which it proposes. It returns zero when it has to hear more first.
func (f *founding) choose() (id ledger.BankID, sure bool) {
	alone := f.mayFoundAlone()
	if f.Self != 0 && !alone {
		return id, false
	}
	accepted, all := ledger.BankID{}, true
	for i := range f.Peers {
		switch said := f.said[i].ID; {
		case i == f.Self, alone && !f.met[i]:
		case !f.met[i]:
			return id, false
		case accepted == ledger.BankID{}:
			accepted = said
			all = all && said != ledger.BankID{}
		default:
			all = all && said == accepted
		}
	}
	switch {
	case all && accepted != ledger.BankID{}:
		return accepted, true
	case f.bank.ID != ledger.BankID{}:
		return f.bank.ID, alone
	case alone && accepted != ledger.BankID{}:
		return accepted, true
	}
	return f.proposal, alone
}

// mayFoundAlone reports whether the branch need not wait for those that it has
// not met. Either there are no others, or an operator has allowed it, no branch with
// a lower id answers, and the others have had their time.
func (f *founding) mayFoundAlone() bool {
	if f.N == 1 {
		return true
	}
	if !f.Config.Bootstrap || f.waits() {
		return false
	}
	for i := range f.Self {
		if f.met[i] {
			return false
		}
	}
	return true
}

// tellBank tells peers what this branch has recorded, unless they have said that
// they know.
func (f *founding) tellBank(peers ...*Peer) {
	f.askedAt = f.Now
	for _, p := range peers {
		if p.Index != f.Self && p.linked && p.heard && f.said[p.Index] != f.bank {
			f.progress.sayHello(p)
		}
	}
}

// askBank says again what the branch has recorded, since a message may be lost:
// the founder to all, and the others to the founder and to one more in turn,
// which may have heard by now that the bank is founded.
func (f *founding) askBank() {
	if f.Self == 0 {
		f.tellBank(f.Peers...)
		return
	}
	f.next = f.next%(f.N-1) + 1
	for _, p := range []*Peer{f.Peers[0], f.Peers[f.next]} {
		if p.Index != f.Self && p.linked && p.heard {
			f.progress.sayHello(p)
		}
	}
	f.askedAt = f.Now
}

// nextTick returns when step is to be called again though nothing has come.
func (f *founding) nextTick() protocol.Millis {
	if f.bank.Founded {
		return protocol.Never
	}
	for _, p := range f.Peers {
		if p.Index != f.Self && p.linked && p.heard {
			return f.askedAt + f.Config.PeerTimeout
		}
	}
	return protocol.Never
}

// unmet returns the branches that the founding waits for.
func (f *founding) unmet() []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range f.Peers {
		if i != f.Self && !f.met[i] {
			out = append(out, p.Branch)
		}
	}
	return out
}

// outnumbered returns the branches that answer as members of another bank, if they
// are at least as many as those of this bank that answer, this branch included. Then
// most likely this branch's directory belongs elsewhere, and it must not record what
// is meant for the bank around it. Branches dial all the time: a stranger that says
// no more may have spoken in the name of a branch that is away.
func (f *founding) outnumbered() []ledger.BranchID {
	var out []ledger.BranchID
	own := 1
	for i, p := range f.Peers {
		switch {
		case i == f.Self:
		case f.strangeUntil(p) > f.Now:
			out = append(out, p.Branch)
		case f.met[i]:
			own++
		}
	}
	if len(out) < own {
		return nil
	}
	return out
}

// strange reports whether a peer that has no link answers as a member of another
// bank.
func (f *founding) strange(p *Peer) bool { return f.strangers[p.Index] != "" && !p.heard }

// strangeUntil returns until when a peer counts as a member of another bank; 0 if it
// does not.
func (f *founding) strangeUntil(p *Peer) protocol.Millis {
	if !f.strange(p) {
		return 0
	}
	return f.strangeAt[p.Index] + strangerLasts
}
