package simulation

import (
	"math/rand/v2"
	"runtime/debug"
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Options choose a run.
type Options struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Steps is how many things happen before the faults end: a message
	// arrives, a commit returns, a branch decides.
	Steps int
	// Branches is how many branches the bank has; 0 lets the seed pick 2 to 9.
	Branches int
	// Calm leaves all faults out.
	Calm bool
	// Journal makes the branches write to the production journal too, on files in
	// memory, and boot from it. It must give back what the simulated disk has. No
	// bit flips then.
	Journal bool
	// Liar adds somebody who lies in all branches' names, beside the other faults.
	Liar bool
	// Signed makes the branches sign what they write. A liar then forges whole batches,
	// too.
	Signed bool
	// Fork adds a second process with the same branch id, and no other fault.
	Fork bool
}

// healMillis bounds how long, in virtual time, a healed bank may take until
// every call is answered, all ledgers are equal, and nothing goes on.
const healMillis = 60_000

// world is a run. It has more than 20 fields because everything in a run meets here:
// one goroutine drives it all.
type world struct {
	schedule
	opts Options // what Run was asked for
	// liar lies, in runs that have one; paths counts what is rare.
	liar  liar
	paths paths
	trace trace // the latest events, for a failure
	// failure is the first invariant that did not hold.
	failure *Failure
	report  *Report // what Run returns
	// calm says that no more faults happen, and that customers begin nothing.
	calm bool

	// opening, peerTimeout and branches describe the bank.
	opening     ledger.Amount
	peerTimeout protocol.Millis
	branches    []ledger.BranchID
	// processes are the branches, in the order of their ids; net connects them.
	processes []*process
	net       network
	// faults say what goes wrong, oracle what must hold.
	faults faults
	oracle *oracle
	// sheltered is a branch with an old disk that asks its peers: nothing
	// happens to anybody until it serves.
	sheltered *process
	// strike is when the founder of the bank loses its disk.
	strike strike
	// flooded says that the one flood of a run has happened.
	flooded   bool
	customers []*customer // none before openDoors
	greed     float64     // how often customers want about all that there is
	accounts  []string    // at most maxAccounts; the shared one is the first
	// onCall, onRecord and onAnswer, when set, are told of each call, of each
	// entry that its writer has on disk, and of each answer.
	onCall   func(*call)
	onRecord func(*ledger.Entry)
	onAnswer func(*call, *protocol.Reply)
	nextCall uint64 // the id of the latest call
	open     int    // calls not answered
}

// Run runs a bank, heals it, and returns what happened. An error is a
// *Failure.
func Run(o Options) (report *Report, err error) {
	if o.Fork {
		return runFork(o)
	}
	w := newWorld(o, func(*world) {})
	defer w.closeJournals()
	defer w.recovered(&report, &err)
	w.pickFaults()
	w.openDoors()
	for w.step < o.Steps && w.failure == nil && w.next() {
	}
	w.heal()
	w.rest("after the faults")
	w.checkEqual()
	w.oracle.checkOrder()
	for _, name := range w.accounts {
		w.probe(name)
	}
	w.report.Steps, w.report.Millis = w.step, w.now/1000
	if w.failure != nil {
		return w.report, w.failure
	}
	return w.report, nil
}

// closeJournals closes the production journals, if there are any.
func (w *world) closeJournals() {
	for _, p := range w.processes {
		p.disk.close()
	}
}

// recovered turns the panic of a branch, from one of its assertions, into the failure.
func (w *world) recovered(report **Report, err *error) {
	if p := recover(); p != nil {
		w.fail("no branch panics", "%v\n%s", p, debug.Stack())
		*report, *err = w.report, w.failure
	}
}

// newWorld returns a bank about to start. change may choose what the seed has
// chosen.
func newWorld(o Options, change func(*world)) *world {
	w := &world{opts: o, report: NewReport()}
	w.rng = rand.New(rand.NewPCG(o.Seed, 0x70617373626f6f6b))
	w.liar = liar{world: w, hellos: map[[2]ledger.BranchID]*protocol.Hello{}}
	w.paths = paths{world: w, claimed: map[protocol.Ticket]string{}}
	n := o.Branches
	if n == 0 {
		n = 2 + w.rng.IntN(8)
	}
	if o.Fork {
		n = max(3, n)
	}
	w.report.Seed, w.report.Branches = o.Seed, n
	w.opening = ledger.Amount(w.rng.IntN(5) * 100)
	w.peerTimeout = []protocol.Millis{100, 300, 1000}[w.rng.IntN(3)]
	w.branches = make([]ledger.BranchID, n)
	for i := range w.branches {
		w.branches[i] = ledger.BranchID(i + 1)
	}
	w.accounts = []string{ledger.SharedAccount, "hot", "cold", "cold 2"}[:1+w.rng.IntN(maxAccounts)]
	change(w)
	w.oracle = newOracle(w)
	for i, id := range w.branches {
		w.processes = append(w.processes, &process{
			w: w, index: i, id: id, disk: newDisk(id, w.branches, w.opening), rate: 0.9 + 0.2*w.rng.Float64(), links: make([]int, n),
		})
	}
	if o.Journal {
		for _, p := range w.processes {
			p.disk.mirror = newMirror(p.id, w.branches, w.opening)
		}
	}
	w.newNetwork()
	for _, p := range w.processes {
		w.after(w.between(0, 5_000), p.start)
	}
	return w
}

func (w *world) processOf(b ledger.BranchID) *process {
	i, _ := slices.BinarySearch(w.branches, b)
	return w.processes[i]
}

// rest runs the bank until nothing is left to do.
func (w *world) rest(when string) {
	limit := w.now + healMillis*1000
	for w.failure == nil && w.next() {
		if w.now > limit {
			w.fail("a healed bank comes to rest", "%s: after %d ms %d calls are open and %d events to come", when, healMillis, w.open, len(w.events))
		}
	}
	if w.open > 0 {
		w.fail("every call is answered", "%s: %d are not", when, w.open)
	}
}

// checkEqual checks that all branches serve and have the same ledger.
func (w *world) checkEqual() {
	if w.failure != nil {
		return
	}
	first := w.processes[0].replica.Ledger()
	for _, p := range w.processes {
		w.oracle.checkAlarms(p)
		if s := p.replica.State(); s != protocol.Serving {
			w.fail("a healed branch serves", "branch %d: %s", p.id, p.replica.Status().Reason)
		}
		for _, q := range p.replica.Status().Peers {
			if !q.Reachable || q.Lag > 0 {
				w.fail("healed branches reach each other", "branch %d sees %+v", p.id, q)
			}
		}
		l := p.replica.Ledger()
		for i := range w.branches {
			if l.Head(i) != first.Head(i) {
				w.fail("all ledgers are equal", "journal of branch %d: %+v at branch %d, %+v at branch %d", w.branches[i], first.Head(i), w.branches[0], l.Head(i), p.id)
			}
			if want := uint64(len(w.oracle.journals[i])); l.Head(i).Sequence != want {
				w.fail("all that was recorded is everywhere", "journal of branch %d: %d entries, branch %d has %d", w.branches[i], want, p.id, l.Head(i).Sequence)
			}
		}
		for _, name := range first.Accounts() {
			for i := range w.branches {
				if l.Escrow(name, i) != first.Escrow(name, i) || l.Paid(name, i) != first.Paid(name, i) {
					w.fail("all ledgers are equal", "account %q, share of branch %d", name, w.branches[i])
				}
			}
		}
	}
}

// probe empties an account of the healed bank: any branch can pay the whole
// balance, and refuses to pay one more.
func (w *world) probe(account string) {
	if w.failure != nil {
		return
	}
	w.after(2*int64(w.peerTimeout)*1000, func() {}) // suspicions pass
	w.rest("before asking for " + account)
	balance := w.oracle.balance(account)
	if balance > 0 {
		if r := w.ask(ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: balance}); r.Err != nil {
			w.fail("a healed bank pays out all there is", "%d of account %q: %v", balance, account, r.Err)
		}
	}
	if r := w.ask(ledger.Entry{Kind: ledger.Withdrawal, Account: account, Amount: 1}); !isInsufficient(r.Err) {
		w.fail("a healed bank refuses what is too much", "1 of the empty account %q: %v", account, r.Err)
	}
	if r := w.ask(ledger.Entry{Account: account}); r.Err != nil || r.Balance != 0 {
		w.fail("a strong query is answered", "account %q: %d, %v", account, r.Balance, r.Err)
	}
}

// ask makes one call, a strong query if the entry has no kind, and waits for
// its answer.
func (w *world) ask(e ledger.Entry) protocol.Reply {
	var got protocol.Reply
	req := &request{entry: e, strong: true, level: protocol.Reachable, done: func(r protocol.Reply) { got = r }}
	w.call(req, w.anyProcess(), 0, 0)
	w.rest("asking for " + e.Account)
	return got
}
