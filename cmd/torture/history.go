package main

import (
	"fmt"
	"maps"
	"sync"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// receipt is a place in a branch's journal.
type receipt struct {
	Branch   uint32
	Sequence uint64
}

func (r receipt) String() string { return fmt.Sprintf("%d/%d", r.Branch, r.Sequence) }

// positions says how far each journal goes.
type positions map[uint32]uint64

// covers says whether p is nowhere behind q.
func (p positions) covers(q positions) bool {
	for b, s := range q {
		if p[b] < s {
			return false
		}
	}
	return true
}

// kind is what a customer asks for.
type kind string

const (
	deposit  kind = "deposit"
	withdraw kind = "withdraw"
	transfer kind = "transfer"
	// allOrNone and eachAlone are lists.
	allOrNone kind = "list, all or none"
	eachAlone kind = "list, each by itself"
	local     kind = "local query"
	session   kind = "session query"
	strong    kind = "strong query"
)

// outcome is what a customer knows after an attempt.
type outcome string

const (
	// success: it was acknowledged, or answered.
	success outcome = "success"
	// recorded: it has a receipt, and is not on as many branches as asked for.
	recorded outcome = "recorded"
	// refused: insufficient funds.
	refused outcome = "refused"
	// nothing: the branch says that nothing was recorded.
	nothing outcome = "nothing recorded"
	// unsent: there was no connection.
	unsent outcome = "not sent"
	// unknown: it may have been recorded, or may still be.
	unknown outcome = "unknown"
)

// write is one deposit, withdrawal, transfer or list of them, with all its
// attempts. They share its request id.
type write struct {
	ID       string
	Customer int64
	Kind     kind
	// Account is paid into by a deposit, else paid from; To is paid into by a
	// transfer. Empty names stand for the shared account.
	Account, To string
	Amount      int64
	// List is what a list asks for; then Account, To and Amount are empty.
	List []operation `json:",omitempty"`
	// Home is the branch that the first attempt asked.
	Home     uint32
	Attempts []*attempt
}

// attempt is one call for a write.
type attempt struct {
	Asked   uint32
	Level   bankv1.Acknowledge
	Began   time.Duration
	Ended   time.Duration
	Outcome outcome
	Receipt receipt
	Balance int64
	// Replay is whether it is said to be the answer to an earlier attempt.
	Replay bool
	// Refused is what the answer says of a list's operations.
	Refused refusals
	// Stream is how a list is sent.
	Stream streamUse
	// Unreachable are the branches that the reply names as such.
	Unreachable []uint32
	// Before is the session that the call carried, After the reply's.
	Before, After positions
	// Text is the error's.
	Text string
}

// read is one query.
type read struct {
	Customer      int64
	Kind          kind
	Account       string
	Asked         uint32
	Began, Ended  time.Duration
	Outcome       outcome
	Balance       int64
	Before, After positions
	Text          string
}

// loss is the wiping of a disk, or its replacement by an older copy.
type loss struct {
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
func (l *loss) hits(at receipt, began time.Duration) bool {
	return at.Branch == l.Branch && at.Sequence > l.Kept && began < l.Until
}

// death is the end of a branch's process.
type death struct {
	Branch uint32
	At     time.Duration
}

// history is what the customers saw, and what happened to the branches. Those who
// check it first make the customers pause.
type history struct {
	mu     sync.Mutex
	writes []*write
	reads  []*read
	losses []loss
	deaths []death
	// count of calls by kind and outcome.
	calls map[kind]map[outcome]int
	// problem is the first thing that a reply alone proves wrong.
	problem error
}

func newHistory() *history { return &history{calls: map[kind]map[outcome]int{}} }

// addWrite notes a write before its first attempt.
func (h *history) addWrite(w *write) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, w)
}

// addAttempt notes an attempt that has ended.
func (h *history) addAttempt(w *write, a *attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.Attempts = append(w.Attempts, a)
	h.count(w.Kind, a.Outcome)
	if a.Outcome == success && a.Balance < 0 {
		h.blame(fmt.Errorf("negative balance: branch %d answered %s %s with balance %d", a.Asked, w.Kind, w.ID, a.Balance))
	}
}

// addRead notes a query that has ended.
func (h *history) addRead(r *read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, r)
	h.count(r.Kind, r.Outcome)
	if r.Outcome == success && r.Balance < 0 {
		h.blame(fmt.Errorf("negative balance: branch %d answered a %s of account %q with %d", r.Asked, r.Kind, r.Account, r.Balance))
	}
}

func (h *history) addLoss(l loss) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.losses = append(h.losses, l)
}

func (h *history) addDeath(d death) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaths = append(h.deaths, d)
}

func (h *history) count(k kind, o outcome) {
	if h.calls[k] == nil {
		h.calls[k] = map[outcome]int{}
	}
	h.calls[k][o]++
}

// accuse notes that a reply alone proves something wrong.
func (h *history) accuse(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blame(err)
}

func (h *history) blame(err error) {
	if h.problem == nil {
		h.problem = err
	}
}

// accused returns the first thing that a reply alone proved wrong.
func (h *history) accused() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problem
}

// countCalls returns how many calls there were by kind and outcome.
func (h *history) countCalls() map[kind]map[outcome]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[kind]map[outcome]int{}
	for k, m := range h.calls {
		out[k] = maps.Clone(m)
	}
	return out
}

// began is when the first attempt began.
func (w *write) began() time.Duration {
	first := w.Attempts[0].Began
	for _, a := range w.Attempts {
		first = min(first, a.Began)
	}
	return first
}

// told is the first moment at which the customer had a receipt of the write,
// and false when it never had; the zero receipt stands for any.
func (w *write) told(r receipt) (time.Duration, bool) {
	var at time.Duration
	found := false
	for _, a := range w.Attempts {
		if (a.Outcome == success || a.Outcome == recorded) && (r == receipt{} || r == a.Receipt) {
			if !found || a.Ended < at {
				at = a.Ended
			}
			found = true
		}
	}
	return at, found
}

// possible says whether the write may be recorded, as far as the customer
// knows: it is, or one of its attempts has an unknown outcome.
func (w *write) possible() bool {
	for _, a := range w.Attempts {
		if a.Outcome == success || a.Outcome == recorded || a.Outcome == unknown {
			return true
		}
	}
	return false
}

// isList says whether the write is a list of operations.
func (w *write) isList() bool { return w.Kind == allOrNone || w.Kind == eachAlone }

// operations are what the write asks for.
func (w *write) operations() []operation {
	if w.isList() {
		return w.List
	}
	return []operation{{w.Kind, w.Account, w.To, w.Amount}}
}

// needs returns the accounts that the write takes from when all of it is
// carried out, with how deep it takes them.
func (w *write) needs() map[string]int64 {
	needs := map[string]int64{}
	for _, o := range w.operations() {
		if low := effectOf(w.operations(), o.Account).low; low < 0 {
			needs[o.Account] = -low
		}
	}
	return needs
}

func (w *write) String() string {
	if w.isList() {
		return fmt.Sprintf("%s, %s, of %d operations", w.Kind, w.ID, len(w.List))
	}
	return fmt.Sprintf("%s %s of %d", w.Kind, w.ID, w.Amount)
}
