package replica

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"passbook.example/passbook/branch/ledger"
)

// Config is what a replica is told when it starts.
type Config struct {
	// ID is this branch.
	ID ledger.BranchID
	// Opening is the opening balance of the shared account.
	Opening ledger.Amount
	// Ledger is the state that the disk holds; the replica owns it from now on.
	Ledger *ledger.Ledger
	// Epoch is the number of this boot.
	Epoch uint64
	// Bank is the bank that the disk belongs to, as far as that was agreed on.
	Bank ledger.Bank
	// Proposal is a new random id, for a bank that this branch founds.
	Proposal ledger.BankID
	// Copied says that the disk is a copy of another one, or was restored from
	// one: what it holds may be old, whatever it says. The branch hears from every
	// peer before it writes.
	Copied bool
	// Settled says that the disk is one on which this branch has written, or
	// made sure that it may. A disk that is not counts as empty.
	Settled bool
	// Bootstrap lets a branch with an empty or a copied disk write without having
	// heard from every peer. It is for the first start of a bank, and unsafe after.
	Bootstrap bool
	// Doubles are the request ids that several entries have, as the disk has them.
	Doubles []ledger.Double
	// StartWait is how long a branch that has started waits for the peers that
	// it need not hear; never less than PeerTimeout.
	StartWait Millis
	// Storage reads back what was committed.
	Storage Storage
	// PeerTimeout is how long a peer may leave batches unacknowledged, or a
	// call unanswered, before it counts as unreachable.
	PeerTimeout Millis
	// MaxAccounts is how many accounts there may be here for a write to open one
	// more; 0 for any number.
	MaxAccounts int
	// Now is the time.
	Now Millis
}

// State is whether a branch takes writes.
type State uint8

// The states of a branch.
const (
	// Recovering: it does not know yet what its peers hold of its journal.
	Recovering State = iota + 1
	// Serving: it takes reads and writes.
	Serving
	// Halted: its own journal has forked, and an operator must look.
	Halted
)

// Replica is one branch's part of the protocol. One goroutine owns it.
type Replica struct {
	cfg     Config
	ledger  *ledger.Ledger
	self    int // index of this branch
	n       int // number of branches
	bank    ledger.Hash
	now     Millis
	epoch   uint64
	tickets uint64 // the Lamport time of tickets, which no entry ever has
	booted  Millis
	expired Millis // when deadlines were looked at last
	err     error  // a read from disk that did not work: the branch must stop
	peers   []*peer
	// due are the peers that this Ready looks at: something has come from them,
	// or there may be something to send. awaited are those with a deadline, and
	// checkAt is when they are due: never later than the first of the deadlines.
	due, awaited indexes
	checkAt      Millis
	alarms       []Alarm
	doubles      doubles
	// refused counts the messages refused, by index; refusalAlarms the alarms about them.
	refused       []refusals
	refusalAlarms int
	stopped       []bool        // by index: the journal is no longer applied
	proofs        []*proof      // by index: it is stopped since it has forked
	misfits       []ledger.Hash // by index: the last batch that broke a rule here
	misfitTold    []bool
	doubting      indexes  // the peers that have to show something
	synced        []uint64 // by index: how far the journal is synced on this disk
	// recheck says that something has changed which any call may wait for: this
	// Ready decides all that wait again.
	recheck bool

	founding   founding
	recovery   recovery
	own        ownBatch
	everywhere uint64 // of this branch's journal, applied at every branch
	everyone   least  // of what the peers have confirmed of it
	reached    least  // of what those have that are reachable
	commit     ledger.Commit
	fresh      map[string]recorded // request ids not committed yet
	early      []earlyBatches      // by index
	gapped     indexes             // the journals with early batches
	fetches    []fetch             // by index
	fetching   indexes             // the journals that may have to be fetched, and all that are
	submitted  []*pending
	asked      []*asking
	held       []waiter // until the branch serves, or their session is seen
	queues     map[string]*queue
	settle     []string // accounts whose queues need a look
	byRequest  map[string]*pending
	demands    demands
	collects   map[string]*collect
	watches    map[string][]*watch
	watching   int              // how many watches there are
	still      still            // how long accounts were held lately
	nextCall   uint64           // begins with the epoch: no call is taken for one of another boot
	calls      map[uint64]*call // claims and looks under way
	acks       ackQueues
	out        Ready
	session    []ledger.Position // this Ready's view, shared by its replies
}

// ownBatch collects the entries that this branch makes in one Ready.
type ownBatch struct {
	entries []ledger.Entry
	posted  []ledger.Posted
	// after are the positions named in own batches so far.
	after []uint64
	// wantSync is the last own entry that a customer waits for to be synced
	// at peers.
	wantSync uint64
	// recent are own batches that peers may still need, oldest first.
	recent      []*ledger.Sealed
	recentBytes int
}

// New returns the replica of a branch that has just started. It errs when the
// configuration names a branch that the ledger does not have.
func New(cfg Config) (*Replica, error) {
	self, ok := cfg.Ledger.Index(cfg.ID)
	if !ok {
		return nil, fmt.Errorf("branch %d: %w", cfg.ID, ErrUnknownBranch)
	}
	n := len(cfg.Ledger.Branches())
	r := &Replica{
		cfg: cfg, ledger: cfg.Ledger, self: self, n: n, now: cfg.Now, booted: cfg.Now, epoch: cfg.Epoch,
		bank:    BankHash(cfg.Ledger.Branches(), cfg.Opening),
		stopped: make([]bool, n), proofs: make([]*proof, n), misfits: make([]ledger.Hash, n), misfitTold: make([]bool, n), doubting: newIndexes(n), synced: make([]uint64, n), early: make([]earlyBatches, n), fetches: make([]fetch, n),
		due: newIndexes(n), awaited: newIndexes(n), checkAt: never, gapped: newIndexes(n), fetching: newIndexes(n),
		doubles: doubles{kept: slices.Clone(cfg.Doubles)},
		fresh:   map[string]recorded{}, queues: map[string]*queue{}, byRequest: map[string]*pending{},
		demands: demands{of: map[string]*demand{}, began: cfg.Now}, collects: map[string]*collect{}, watches: map[string][]*watch{}, calls: map[uint64]*call{},
		refused: make([]refusals, n), nextCall: cfg.Epoch % (1 << 32) << 32, still: still{at: cfg.Now}, founding: newFounding(&cfg, n),
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r.cfg.StartWait = max(cfg.StartWait, cfg.PeerTimeout)
	r.own.after = make([]uint64, n)
	for i, b := range cfg.Ledger.Branches() {
		r.peers = append(r.peers, &peer{branch: b, index: i, reachable: true, since: cfg.Now})
		r.synced[i] = cfg.Ledger.Head(i).Sequence
	}
	r.fetching.addAll(n)
	r.due.addAll(n)
	r.recovery = recovery{state: Recovering, heard: make([]bool, n), claims: make([]claim, n), needAll: (!cfg.Settled || cfg.Copied) && !cfg.Bootstrap}
	return r, nil
}

// check has the ledger begin at the bank's genesis, if there is one.
func (c *Config) check() error {
	switch {
	case c.Bank.Founded:
		return c.Ledger.Found(c.Bank.Genesis(c.Ledger.Branches(), c.Opening))
	case c.Proposal == ledger.BankID{}:
		return fmt.Errorf("branch %d: a bank that is not founded needs a proposal", c.ID)
	}
	return nil
}

// BankHash is the same for branches that have been given the same branches,
// ascending, and opening balance. Links between others are refused by it.
func BankHash(branches []ledger.BranchID, opening ledger.Amount) ledger.Hash {
	text := []byte("passbook bank 1\n")
	text = binary.BigEndian.AppendUint64(text, uint64(opening))
	for _, b := range branches {
		text = binary.BigEndian.AppendUint32(text, uint32(b))
	}
	return sha256.Sum256(text)
}

// Submit takes a write. Its reply comes out of a later Ready.
func (r *Replica) Submit(op Operation) {
	r.submitted = append(r.submitted, &pending{op: op})
}

// Ask takes a read. Its reply comes out of a later Ready.
func (r *Replica) Ask(q Query) { r.asked = append(r.asked, &asking{query: q}) }

// Tick tells the time, which never goes back.
func (r *Replica) Tick(now Millis) {
	r.now = max(r.now, now)
	r.still.pass(r.now)
}

// Receive takes a message from a peer. Messages may be lost, repeated and out
// of order.
func (r *Replica) Receive(m Message) {
	i, ok := r.ledger.Index(m.From)
	if !ok || i == r.self || m.To != r.cfg.ID {
		return
	}
	p := r.peers[i]
	p.suspectUntil, p.heardAt = 0, r.now
	r.due.add(i)
	switch {
	case m.Frame != nil:
		r.receiveFrame(p, m.Frame)
	case m.Claim != nil:
		r.receiveClaim(p, m.Claim)
	case m.ClaimAnswer != nil:
		r.receiveClaimAnswer(p, m.ClaimAnswer)
	case m.Collect != nil:
		r.receiveCollect(p, m.Collect)
	case m.CollectAnswer != nil:
		r.receiveCollectAnswer(p, m.CollectAnswer)
	}
}

// Take takes a batch that a peer has sent alone, by hand.
func (r *Replica) Take(from ledger.BranchID, s *ledger.Sealed) {
	if i, ok := r.ledger.Index(from); ok && i != r.self {
		r.receiveBatch(r.peers[i], s)
	}
}

// Ready decides what has queued up and returns what has to happen. The owner
// commits first; only when that has succeeded may the rest leave, and Advance
// be called. Until then it must call nothing else. When Err is not nil the
// owner must stop the branch instead.
func (r *Replica) Ready() Ready {
	r.session = nil
	r.checkPeers()
	r.checkDoubts()
	r.found()
	r.recover()
	r.decideHeld()
	r.decideSubmitted()
	r.expire()
	r.stepCollects()
	r.settleQueues()
	if r.n == 1 { // nobody's answer to wait for
		r.stepCollects()
		r.settleQueues()
	}
	r.shareOut()
	r.sealOwn()
	r.finishCommit()
	r.fetchMissing()
	r.propagate()
	r.releaseAcks()
	r.recheck = false
	out := r.out
	r.out = Ready{}
	return out
}

// Advance tells that the last Ready's commit has succeeded.
func (r *Replica) Advance() {
	clear(r.fresh)
	r.trimRecent()
}

// Err returns the error of a read from disk, after which the branch must stop:
// nothing of the last Ready may be used.
func (r *Replica) Err() error { return r.err }

// post records an entry of this branch's own. The caller has checked that the
// ledger allows it.
func (r *Replica) post(e ledger.Entry) (*ledger.Entry, ledger.Posted) {
	r.session = nil
	e.Sequence, e.Clock = r.head(r.self)+1, r.ledger.Clock()+1
	posted, err := r.ledger.Post(r.self, &e)
	if err != nil {
		panic(fmt.Sprintf("branch %d posts an entry that its ledger refuses: %v", r.cfg.ID, err))
	}
	r.own.entries = append(r.own.entries, e)
	r.own.posted = append(r.own.posted, posted)
	own := &r.own.entries[len(r.own.entries)-1]
	r.remember(ledger.Position{Branch: r.cfg.ID, Sequence: e.Sequence}, own, posted.Balance)
	r.watchPaid(own)
	r.followSpent(r.self, own)
	own.EachAccount(r.touchAccount)
	return own, posted
}

// recorded is a [ledger.Recorded] that lasts as long as its batch.
type recorded struct {
	at      ledger.Position
	entry   *ledger.Entry
	balance ledger.Amount
}

// remember makes a request id known until the commit that holds it is done.
func (r *Replica) remember(at ledger.Position, e *ledger.Entry, balance ledger.Amount) {
	if e.RequestID != "" {
		r.fresh[e.RequestID] = recorded{at, e, balance}
	}
}

// sealOwn makes batches of the entries that this Ready made.
func (r *Replica) sealOwn() {
	for len(r.own.entries) > 0 {
		k := r.own.batch()
		head := r.ledger.Head(r.self)
		b := &ledger.Batch{
			Branch: r.cfg.ID, Epoch: r.epoch, FirstSequence: r.own.entries[0].Sequence,
			Entries: r.own.entries[:k:k], After: r.takeAfter(), PrevHash: head.Hash,
		}
		s := ledger.NewSealed(b)
		r.ledger.Seal(r.self, s.Hash, r.epoch)
		r.commit.Batches = append(r.commit.Batches, ledger.StoredBatch{Sealed: s, Posted: r.own.posted[:k:k]})
		r.commit.Sync = true
		r.own.recent = append(r.own.recent, s)
		r.own.recentBytes += len(s.Bytes)
		r.own.entries, r.own.posted = r.own.entries[k:], r.own.posted[k:]
		r.due.addAll(r.n)
	}
	r.own.entries, r.own.posted = nil, nil
}

// batch returns how many of the entries go into one batch.
func (o *ownBatch) batch() int {
	k, bytes := 0, 0
	for k < len(o.entries) && k < ledger.MaxBatchEntries/2 && (k == 0 || bytes+o.entries[k].MaxBytes() <= ledger.MaxBatchBytes/4) {
		bytes += o.entries[k].MaxBytes()
		k++
	}
	return k
}

// takeAfter returns the positions that changed since the last own batch.
func (r *Replica) takeAfter() []ledger.Position {
	var after []ledger.Position
	for i, p := range r.peers {
		if s := r.head(i); i != r.self && s > r.own.after[i] {
			after = append(after, ledger.Position{Branch: p.branch, Sequence: s})
			r.own.after[i] = s
		}
	}
	return after
}

// finishCommit hands out what was gathered, if it is anything.
func (r *Replica) finishCommit() {
	c := r.commit
	r.commit = ledger.Commit{}
	c.Accounts, c.Doubles = r.ledger.TakeTouched(), r.doubles.take()
	if len(c.Batches) == 0 && !c.Sync {
		return
	}
	done := make([]bool, r.n)
	for _, b := range c.Batches {
		i, _ := r.ledger.Index(b.Batch.Branch)
		if !done[i] {
			done[i] = true
			c.Heads = append(c.Heads, ledger.BranchHead{Branch: b.Batch.Branch, Head: r.ledger.Head(i)})
		}
	}
	c.Clock = r.ledger.Clock()
	if c.Sync {
		for i := range r.synced {
			r.synced[i] = r.head(i)
		}
	}
	r.out.Commit = &c
}

// head returns how far the i-th journal is applied.
func (r *Replica) head(i int) uint64 { return r.ledger.Head(i).Sequence }

// touchAccount has the account's queue looked at before Ready returns.
func (r *Replica) touchAccount(name string) {
	q := r.queues[name]
	if q != nil && !q.touched {
		q.touched = true
		r.settle = append(r.settle, name)
	}
}

// fail stops the branch: its disk does not give back what it took.
func (r *Replica) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// send gives a message to a peer, once the commit has succeeded.
func (r *Replica) send(p *peer, m Message) {
	m.From, m.To = r.cfg.ID, p.branch
	r.out.Messages = append(r.out.Messages, m)
}

// reply answers a call, once the commit has succeeded.
func (r *Replica) reply(rep Reply) { r.out.Replies = append(r.out.Replies, rep) }
