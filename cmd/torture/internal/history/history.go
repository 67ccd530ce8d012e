// Package history is what the customers of a bank saw, and what happened to its
// branches: calls with their moments and outcomes, disks lost, processes that ended.
// It knows the API's messages alone; customers and faults write it, and the checks
// read it.
package history

import (
	"fmt"
	"maps"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// Receipt is a place in a branch's journal.
type Receipt struct {
	// Branch is whose journal it is, Sequence the place in it, from 1.
	Branch   uint32
	Sequence uint64
}

// String implements fmt.Stringer.
func (r Receipt) String() string { return fmt.Sprintf("%d/%d", r.Branch, r.Sequence) }

// Positions says how far each journal goes.
type Positions map[uint32]uint64

// Covers says whether p is nowhere behind q.
func (p Positions) Covers(q Positions) bool {
	for b, s := range q {
		if p[b] < s {
			return false
		}
	}
	return true
}

// ReceiptOf returns what a message names.
func ReceiptOf(r *bankv1.Receipt) Receipt {
	return Receipt{Branch: r.GetBranch(), Sequence: r.GetSequence()}
}

// Kind is what a customer asks for.
type Kind string

// What there is to ask for.
const (
	Deposit  Kind = "deposit"
	Withdraw Kind = "withdraw"
	Transfer Kind = "transfer"
	// AllOrNone and EachAlone are lists.
	AllOrNone Kind = "list, all or none"
	EachAlone Kind = "list, each by itself"
	// Local, Session and Strong are queries.
	Local   Kind = "local query"
	Session Kind = "session query"
	Strong  Kind = "strong query"
)

// Outcome is what a customer knows after an attempt.
type Outcome string

const (
	// Success says that it was acknowledged, or answered.
	Success Outcome = "success"
	// Recorded says that it has a receipt, and is not on as many branches as asked for.
	Recorded Outcome = "recorded"
	// Refused says that the funds are insufficient.
	Refused Outcome = "refused"
	// Nothing says that the branch answered that nothing was recorded.
	Nothing Outcome = "nothing recorded"
	// Unsent says that there was no connection.
	Unsent Outcome = "not sent"
	// Unknown says that it may have been recorded, or may still be.
	Unknown Outcome = "unknown"
)

// StreamUse is how a list is sent.
type StreamUse int

const (
	// KeepOpen is a stream that stays open for the lists after it.
	KeepOpen StreamUse = iota
	// CloseAfter is one of which the customer says that it has no more lists.
	CloseAfter
	// WithDeadline is one that has the customer's patience as its deadline.
	WithDeadline
	// StreamUses counts them.
	StreamUses
)

// Write is one deposit, withdrawal, transfer or list of them, with all its
// attempts. They share its request id.
type Write struct {
	// ID is its request id.
	ID string
	// Customer is who asks, and Kind what for.
	Customer int64
	Kind     Kind
	// Account is paid into by a deposit, else paid from; To is paid into by a
	// transfer. Empty names stand for the shared account.
	Account, To string
	// Amount is in the smallest unit of the currency.
	Amount int64
	// List is what a list asks for; then Account, To and Amount are empty.
	List []Operation `json:",omitempty"`
	// Home is the branch that the first attempt asked.
	Home uint32
	// Attempts are those that have ended.
	Attempts []*Attempt
}

// Attempt is one call for a write.
type Attempt struct {
	// Asked is the branch that was called.
	Asked uint32
	// Level is the acknowledgement asked for.
	Level bankv1.Acknowledge
	// Began and Ended are the moments of the call.
	Began time.Duration
	Ended time.Duration
	// Outcome is what the customer knows then, and Receipt what it was given.
	Outcome Outcome
	Receipt Receipt
	// Balance is that of the reply.
	Balance int64
	// Replay is whether it is said to be the answer to an earlier attempt.
	Replay bool
	// Refused is what the answer says of a list's operations.
	Refused Refusals
	// Stream is how a list is sent.
	Stream StreamUse
	// Unreachable are the branches that the reply names as such.
	Unreachable []uint32
	// Before is the session that the call carried, After the reply's.
	Before, After Positions
	// Text is the error's.
	Text string
}

// Read is one query.
type Read struct {
	// Customer is who asks, and Kind how.
	Customer int64
	Kind     Kind
	// Account is the one asked about.
	Account string
	// Asked is the branch that was called.
	Asked uint32
	// Began and Ended are the moments of the call.
	Began, Ended time.Duration
	// Outcome is what came of it, and Balance what was shown.
	Outcome Outcome
	Balance int64
	// Before is the session that the call carried, After the reply's.
	Before, After Positions
	// Text is the error's.
	Text string
}

// Loss is the wiping of a disk, or its replacement by an older copy.
type Loss struct {
	// Branch is the one whose disk it was.
	Branch uint32
	// Kept is how much of the branch's journal other branches had applied when
	// it was dead. What lies beyond may be gone.
	Kept uint64
	// From is just before the branch was killed, Killed when it was dead, Until
	// when it served again.
	From, Killed, Until time.Duration
}

// hits says whether what a call showed of the branch's journal, up to a
// sequence, may be lost with the disk. began is when the call did.
func (l *Loss) hits(at Receipt, began time.Duration) bool {
	return at.Branch == l.Branch && at.Sequence > l.Kept && began < l.Until
}

// Death is the end of a branch's process.
type Death struct {
	// Branch is the one whose process it was, At when that was gone.
	Branch uint32
	At     time.Duration
}

// History is what the customers saw, and what happened to the branches. Those who
// check it first make the customers pause.
type History struct {
	// mu guards all.
	mu sync.Mutex
	// Writes and Reads are the calls.
	Writes []*Write
	Reads  []*Read
	// Losses and Deaths are what happened to the branches.
	Losses []Loss
	Deaths []Death
	// count of calls by kind and outcome.
	calls map[Kind]map[Outcome]int
	// problem is the first thing that a reply alone proves wrong.
	problem error
}

// New returns an empty history.
func New() *History { return &History{calls: map[Kind]map[Outcome]int{}} }

// AddWrite notes a write before its first attempt.
func (h *History) AddWrite(w *Write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Writes = append(h.Writes, w)
}

// AddAttempt notes an attempt that has ended.
func (h *History) AddAttempt(w *Write, a *Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.Attempts = append(w.Attempts, a)
	h.count(w.Kind, a.Outcome)
	if a.Outcome == Success && a.Balance < 0 {
		h.blame(fmt.Errorf("negative balance: branch %d answered %s %s with balance %d", a.Asked, w.Kind, w.ID, a.Balance))
	}
}

// AddRead notes a query that has ended.
func (h *History) AddRead(r *Read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Reads = append(h.Reads, r)
	h.count(r.Kind, r.Outcome)
	if r.Outcome == Success && r.Balance < 0 {
		h.blame(fmt.Errorf("negative balance: branch %d answered a %s of account %q with %d", r.Asked, r.Kind, r.Account, r.Balance))
	}
}

// AddLoss notes a disk that was lost.
func (h *History) AddLoss(l Loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Losses = append(h.Losses, l)
}

// AddDeath notes a process that has ended.
func (h *History) AddDeath(d Death) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.Deaths = append(h.Deaths, d)
}

func (h *History) count(k Kind, o Outcome) {
	if h.calls[k] == nil {
		h.calls[k] = map[Outcome]int{}
	}
	h.calls[k][o]++
}

// Accuse notes that a reply alone proves something wrong.
func (h *History) Accuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blame(err)
}

func (h *History) blame(err error) {
	if h.problem == nil {
		h.problem = err
	}
}

// Accused returns the first thing that a reply alone proved wrong.
func (h *History) Accused() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problem
}

// CountCalls returns how many calls there were by kind and outcome.
func (h *History) CountCalls() map[Kind]map[Outcome]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[Kind]map[Outcome]int{}
	for k, m := range h.calls {
		out[k] = maps.Clone(m)
	}
	return out
}

// Began is when the first attempt began.
func (w *Write) Began() time.Duration {
	first := w.Attempts[0].Began
	for _, a := range w.Attempts {
		first = min(first, a.Began)
	}
	return first
}

// Told is the first moment at which the customer had a receipt of the write,
// and false when it never had; the zero receipt stands for any.
func (w *Write) Told(r Receipt) (time.Duration, bool) {
	var at time.Duration
	found := false
	for _, a := range w.Attempts {
		if (a.Outcome == Success || a.Outcome == Recorded) && (r == Receipt{} || r == a.Receipt) {
			if !found || a.Ended < at {
				at = a.Ended
			}
			found = true
		}
	}
	return at, found
}

// Possible says whether the write may be recorded, as far as the customer
// knows: it is, or one of its attempts has an unknown outcome.
func (w *Write) Possible() bool {
	for _, a := range w.Attempts {
		if a.Outcome == Success || a.Outcome == Recorded || a.Outcome == Unknown {
			return true
		}
	}
	return false
}

// IsList says whether the write is a list of operations.
func (w *Write) IsList() bool { return w.Kind == AllOrNone || w.Kind == EachAlone }

// Operations are what the write asks for.
func (w *Write) Operations() []Operation {
	if w.IsList() {
		return w.List
	}
	return []Operation{{Kind: w.Kind, Account: w.Account, To: w.To, Amount: w.Amount}}
}

// Needs returns the accounts that the write takes from when all of it is
// carried out, with how deep it takes them.
func (w *Write) Needs() map[string]int64 {
	needs := map[string]int64{}
	for _, o := range w.Operations() {
		if low := EffectOf(w.Operations(), o.Account).Low; low < 0 {
			needs[o.Account] = -low
		}
	}
	return needs
}

// String implements fmt.Stringer.
func (w *Write) String() string {
	if w.IsList() {
		return fmt.Sprintf("%s, %s, of %d operations", w.Kind, w.ID, len(w.List))
	}
	return fmt.Sprintf("%s %s of %d", w.Kind, w.ID, w.Amount)
}
