package replica

import (
	"fmt"

	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/ledger"
)

// Version is that of what branches say to each other. A branch that speaks
// another one is refused.
const Version = 1

// founding is how the branches of a file that meet for the first time agree on
// the id of their bank before any of them writes.
//
// The branch with the lowest id founds. Once it has heard from every other
// branch it records an id, and proposes it. Each of the others records the
// proposal, and says so. When all of them have, the founder records that the
// bank is founded, and each that hears so records it too. A founded id counts
// for ever: an empty branch that hears of one takes it.
//
// A founder that has lost its disk asks first, as every empty branch does. If
// all the others have accepted the same id, the bank may have been founded with
// it, and is so now. If one of them has not, it can't have been, and the founder
// may propose another id, which takes the place of the one before.
type founding struct {
	// bank is what this branch has recorded, or records with this Ready.
	bank ledger.Bank
	// proposal is the id that this branch proposes if it founds.
	proposal ledger.BankID
	// said is what each peer has said last, by index; met says that it has,
	// since the start, and belongs to this bank.
	said []ledger.Bank
	met  []bool
	// strangers say why the hello that a peer said last was refused, strangeAt when
	// that was.
	strangers []string
	strangeAt []Millis
	// askedAt is when the peers were last told what this branch has recorded;
	// next is which of them is told next besides the founder.
	askedAt Millis
	next    int
}

func newFounding(cfg *Config, n int) founding {
	return founding{bank: cfg.Bank, proposal: cfg.Proposal, said: make([]ledger.Bank, n), met: make([]bool, n), strangers: make([]string, n), strangeAt: make([]Millis, n), askedAt: cfg.Now}
}

// StrangerError refuses a link with a branch of another bank, or one that
// speaks another version.
type StrangerError struct {
	Branch  ledger.BranchID
	Problem string
}

func (e *StrangerError) Error() string { return e.Problem }

// Code returns failed_precondition.
func (e *StrangerError) Code() code.Code { return code.FailedPrecondition }

// Bank returns the bank that this branch belongs to.
func (r *Replica) Bank() ledger.Bank { return r.founding.bank }

// Meet checks the hello that comes first on a link that a peer has opened. It
// returns a *StrangerError when there must be no link.
func (r *Replica) Meet(b ledger.BranchID, h *Hello) error {
	i, ok := r.ledger.Index(b)
	if !ok || i == r.self {
		return ErrUnknownBranch
	}
	if problem := r.stranger(r.peers[i], h, false); problem != "" {
		return &StrangerError{Branch: b, Problem: problem}
	}
	return nil
}

// Introduction is the hello for a peer that gets no link: it says which bank
// this branch belongs to, and nothing about its journals.
func (r *Replica) Introduction(to ledger.BranchID) *Hello {
	return &Hello{Version: Version, Branch: r.cfg.ID, To: to, Epoch: r.epoch, Bank: r.bank, Identity: r.founding.bank}
}

// stranger returns why the speaker of a hello is no peer, and notes it; nothing
// for one that is. end has the link ended that the hello came on.
func (r *Replica) stranger(p *peer, h *Hello, end bool) string {
	f := &r.founding
	problem := f.problem(p.branch, r.bank, h)
	changed := problem != f.strangers[p.index]
	if changed {
		f.strangers[p.index] = problem
		r.recheck = true // it may serve now, or no longer hope to
	}
	if problem == "" {
		return ""
	}
	f.strangeAt[p.index] = r.now
	if !p.heard { // else somebody speaks in its name
		f.met[p.index] = false
	}
	r.refused[p.index][BadBank]++
	refusal := Refusal{Peer: p.branch, Lie: BadBank, Text: problem, Close: end, First: changed}
	if refusal.First || refusal.Close {
		r.out.Refusals = append(r.out.Refusals, refusal)
	}
	p.closing = p.closing || refusal.Close
	return problem
}

func (f *founding) problem(b ledger.BranchID, charter ledger.Hash, h *Hello) string {
	switch mine, theirs := f.bank, h.Identity; {
	case h.Version != Version:
		return fmt.Sprintf("branch %d speaks version %d of what branches say to each other, and this branch version %d: run the same program at both", b, h.Version, Version)
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

// hearBank takes what a peer of this bank says about the founding.
func (r *Replica) hearBank(p *peer, said ledger.Bank) {
	f := &r.founding
	f.met[p.index], f.said[p.index] = true, said
	switch {
	case f.bank.Founded:
	case said.Founded:
		r.founded(said.ID)
		if r.self == 0 {
			r.tellBank(r.peers...) // they ask it first
		}
	case p.index == 0 && said.ID != ledger.BankID{}:
		if f.bank.ID != said.ID {
			r.recordBank(ledger.Bank{Name: f.bank.Name, ID: said.ID})
		}
		r.sayHello(p) // that it is recorded
		return
	}
	if p.told != f.bank && said != f.bank {
		r.sayHello(p) // what was said first was less
	}
}

// recordBank has this Ready's commit say which bank the branch belongs to.
func (r *Replica) recordBank(b ledger.Bank) {
	r.founding.bank = b
	r.commit.Bank, r.commit.Sync = &b, true
}

// founded records that the bank is founded.
func (r *Replica) founded(id ledger.BankID) {
	f := &r.founding
	r.recordBank(ledger.Bank{Name: f.bank.Name, ID: id, Founded: true})
	if err := r.ledger.Found(r.genesis()); err != nil {
		r.fail(err)
	}
	r.recheck = true
}

// genesis is what the first batch of every journal follows in a founded bank.
func (r *Replica) genesis() ledger.Hash {
	return r.founding.bank.Genesis(r.ledger.Branches(), r.cfg.Opening)
}

// found goes on with the founding, if there is anything to do.
func (r *Replica) found() {
	f := &r.founding
	if f.bank.Founded {
		return
	}
	told := f.bank.ID
	switch id, sure := r.choose(); {
	case sure:
		r.founded(id)
	case id != ledger.BankID{} && id != told:
		r.recordBank(ledger.Bank{Name: f.bank.Name, ID: id})
	}
	switch {
	case f.bank.Founded || r.self == 0 && f.bank.ID != told:
		r.tellBank(r.peers...)
	case r.now-f.askedAt >= r.cfg.PeerTimeout:
		r.askBank()
	}
}

// choose returns the id that this branch founds the bank with, if it is sure
// that it may, or proposes; zero when it has to hear more first.
func (r *Replica) choose() (id ledger.BankID, sure bool) {
	f := &r.founding
	alone := r.mayFoundAlone()
	if r.self != 0 && !alone {
		return id, false
	}
	accepted, all := ledger.BankID{}, true
	for i := range r.peers {
		switch said := f.said[i].ID; {
		case i == r.self, alone && !f.met[i]:
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
// not met: there are no others, or an operator has said so, no one answers that
// would found, and they have had their time.
func (r *Replica) mayFoundAlone() bool {
	if r.n == 1 {
		return true
	}
	if !r.cfg.Bootstrap || r.waits() {
		return false
	}
	for i := range r.self {
		if r.founding.met[i] {
			return false
		}
	}
	return true
}

// tellBank tells peers what this branch has recorded, those that have not said
// that they know.
func (r *Replica) tellBank(peers ...*peer) {
	f := &r.founding
	f.askedAt = r.now
	for _, p := range peers {
		if p.index != r.self && p.linked && p.heard && f.said[p.index] != f.bank {
			r.sayHello(p)
		}
	}
}

// askBank says again what the branch has recorded, since a message may be lost:
// the founder to all, and the others to the founder and to one more in turn,
// which may have heard by now that the bank is founded.
func (r *Replica) askBank() {
	f := &r.founding
	if r.self == 0 {
		r.tellBank(r.peers...)
		return
	}
	f.next = f.next%(r.n-1) + 1
	for _, p := range []*peer{r.peers[0], r.peers[f.next]} {
		if p.index != r.self && p.linked && p.heard {
			r.sayHello(p)
		}
	}
	f.askedAt = r.now
}

// foundingAt returns when found is to be called again though nothing has come.
func (r *Replica) foundingAt() (Millis, bool) {
	f := &r.founding
	if f.bank.Founded {
		return 0, false
	}
	at, wanted := never, false
	for _, p := range r.peers {
		if p.index != r.self && p.linked && p.heard {
			at, wanted = f.askedAt+r.cfg.PeerTimeout, true
			break
		}
	}
	return at, wanted
}

// unmet returns the branches that the founding waits for.
func (r *Replica) unmet() []ledger.BranchID {
	var out []ledger.BranchID
	for i, p := range r.peers {
		if i != r.self && !r.founding.met[i] {
			out = append(out, p.branch)
		}
	}
	return out
}

// outnumbered returns the branches that answer as those of another bank, if they
// are as many as those of this one that answer, this branch included. Then it is
// most likely this branch whose directory belongs elsewhere: it must not take
// what is meant for the bank around it. Branches dial all the time: who has said so
// and says no more may have spoken in the name of one that is away.
func (r *Replica) outnumbered() []ledger.BranchID {
	var out []ledger.BranchID
	own := 1
	for i, p := range r.peers {
		switch {
		case i == r.self:
		case r.strange(p) && r.now-r.founding.strangeAt[i] < strangerLasts:
			out = append(out, p.branch)
		case r.founding.met[i]:
			own++
		}
	}
	if len(out) < own {
		return nil
	}
	return out
}

// strange reports whether a peer that has no link answers as one of another bank.
func (r *Replica) strange(p *peer) bool { return r.founding.strangers[p.index] != "" && !p.heard }

// wantStrangers wants the times at which those of another bank count no more.
func (r *Replica) wantStrangers(want func(Millis)) {
	for i, p := range r.peers {
		if at := r.founding.strangeAt[i] + strangerLasts; r.strange(p) && at > r.now {
			want(at)
		}
	}
}
