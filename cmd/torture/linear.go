package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearTimeout is how long the search for an order of one account's window may
// take. A search that does not end is no proof, and counts as a failure.
const linearTimeout = 20 * time.Second

// forever is after all that happens in a window.
const forever = time.Duration(math.MaxInt64)

// trial is a window of a history and what is known about it.
type trial struct {
	history *history
	// tale is what any branch tells at the end of the window.
	tale   *testimony
	window window
	// found is where each request id is recorded; spans is when the writes of
	// the window can have taken effect.
	found map[string]receipt
	spans map[string]span
}

// span is the time within which a write took effect.
type span struct{ began, ended time.Duration }

func newTrial(h *history, t *testimony, w window) (*trial, error) {
	found, err := recordings(h, t)
	if err != nil {
		return nil, err
	}
	x := &trial{history: h, tale: t, window: w, found: found}
	x.span()
	return x, nil
}

// span finds out when each write of the window can have taken effect: in its
// call, when the customer was told. Of the others it is only known that a
// journal is in order: later than what is before it began, earlier than what is
// after it was told.
func (x *trial) span() {
	x.spans = map[string]span{}
	writes := map[string]*write{}
	for _, w := range x.history.writes {
		writes[w.ID] = w
	}
	for _, branch := range branchIDs {
		var began, ended = x.window.from, x.window.until
		part := x.tale.journals[branch][x.window.start[branch]:x.window.end[branch]]
		for _, e := range part {
			w := writes[e.RequestID]
			if w == nil { // a grant
				continue
			}
			began = max(began, w.began())
			s := span{began, forever}
			if at, ok := w.told(e.Receipt); ok {
				s = span{w.began(), at}
			}
			x.spans[w.ID] = s
		}
		for i := len(part) - 1; i >= 0; i-- {
			s, ok := x.spans[part[i].RequestID]
			if !ok {
				continue
			}
			ended = min(ended, s.ended)
			if s.ended == forever {
				x.spans[part[i].RequestID] = span{s.began, max(s.began, ended)}
			}
		}
	}
}

// checkLinear checks that the writes, the refusals and the strong queries of a
// window have an order, for each account, in which each takes effect at one
// moment of its call. With a dir, it leaves there a picture of what has none.
// It returns how many operations it has looked at.
func checkLinear(h *history, t *testimony, w window, dir string) (int, error) {
	x, err := newTrial(h, t, w)
	if err != nil {
		return 0, err
	}
	total := 0
	for account := range t.statements {
		n, err := x.check(account, dir)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (x *trial) check(account, dir string) (int, error) {
	w := x.window
	ops, unsure, err := x.operations(account)
	if err != nil {
		return 0, err
	}
	model := accountModel(w.balances[account], unsure)
	switch porcupine.CheckOperationsTimeout(model, ops, linearTimeout) {
	case porcupine.Ok:
		return len(ops), nil
	case porcupine.Unknown:
		return 0, fmt.Errorf("not decided: whether the %d operations on account %q between %v and %v are linearizable took longer than %v%s",
			len(ops), account, w.from, w.until, linearTimeout, draw(model, ops, dir))
	default:
		return 0, fmt.Errorf("not linearizable: the %d operations on account %q between %v and %v, beginning with balance %d, have no order%s",
			len(ops), account, w.from, w.until, w.balances[account], draw(model, ops, dir))
	}
}

// draw leaves a picture of the operations, and says where.
func draw(model porcupine.Model, ops []porcupine.Operation, dir string) string {
	if dir == "" {
		return ""
	}
	_, info := porcupine.CheckOperationsVerbose(model, ops, linearTimeout)
	path := filepath.Join(dir, "linear.html")
	f, err := os.Create(path)
	if err != nil {
		return ""
	}
	if errors.Join(porcupine.Visualize(model, info, f), f.Close()) != nil {
		return ""
	}
	return "; see " + path
}

// operation returns an operation of the model.
func (x *trial) operation(client int64, s step, began, ended time.Duration) porcupine.Operation {
	return porcupine.Operation{ClientId: int(client), Input: s, Call: int64(max(began, x.window.from)), Return: int64(ended)}
}

// operations returns what the window saw of an account, and the amounts of the
// writes that may have taken effect and gone with a disk.
func (x *trial) operations(account string) (ops []porcupine.Operation, unsure []int64, err error) {
	from, until := x.window.from, x.window.until
	for _, w := range x.history.writes {
		change := w.change(account)
		if change == 0 {
			continue
		}
		if s, ok := x.spans[w.ID]; ok {
			ops = append(ops, x.operation(w.Customer, step{what: changes, name: w.ID, amount: change}, s.began, s.ended))
		}
		for _, a := range w.Attempts {
			if a.Outcome == refused && change < 0 && a.Began >= from && a.Ended <= until {
				ops = append(ops, x.operation(w.Customer, step{what: refuses, name: w.ID, amount: w.Amount}, a.Began, a.Ended))
			}
		}
	}
	for _, r := range x.history.reads {
		if r.Outcome == success && r.Kind == strong && r.Account == account && r.Began >= from && r.Ended <= until {
			ops = append(ops, x.operation(r.Customer, step{what: reads, name: fmt.Sprintf("customer %d", r.Customer), amount: r.Balance}, r.Began, r.Ended))
		}
	}
	for i := range x.history.losses {
		l := &x.history.losses[i]
		if l.Killed < from || l.Killed > until {
			continue
		}
		if unsure != nil {
			return nil, nil, fmt.Errorf("two disks were lost between %v and %v: check more often", from, until)
		}
		more, amounts := x.forgotten(l, account)
		ops, unsure = append(ops, more...), amounts
	}
	return ops, unsure, nil
}

// forgotten returns the writes that are in no journal because they may have
// gone with a disk, and the moment when that was gone.
func (x *trial) forgotten(l *loss, account string) (ops []porcupine.Operation, unsure []int64) {
	for _, w := range x.history.writes {
		at, found := x.found[w.ID]
		// What is found may be a second life of what was lost.
		again := found && at.Branch == l.Branch && at.Sequence > l.Kept
		change := w.change(account)
		if change == 0 || found && !again || !w.mayHaveReached(l, x.window.from) || len(unsure) == maxUnsure {
			continue
		}
		ended := forever
		if at, ok := w.told(receipt{}); ok && !found {
			ended = at
		}
		ops = append(ops, x.operation(w.Customer, step{what: perhaps, name: w.ID, amount: change, bit: len(unsure)}, w.began(), ended))
		unsure = append(unsure, change)
	}
	if len(unsure) > 0 {
		ops = append(ops, x.operation(0, step{what: forgets}, l.From, l.Until))
	}
	return ops, unsure
}

// mayHaveReached says whether the write may have been recorded on the disk
// before that was lost. from is when the window began: what was asked for long
// before it is decided by then, and what was acknowledged before it and is
// nowhere went with another disk.
func (w *write) mayHaveReached(l *loss, from time.Duration) bool {
	if at, ok := w.told(receipt{}); ok && at < from {
		return false
	}
	for _, a := range w.Attempts {
		told := a.Outcome == success || a.Outcome == recorded || a.Outcome == unknown
		if w.Home == l.Branch && told && a.Began < l.Killed && a.Ended > from-longAgo {
			return true
		}
	}
	return false
}

const (
	// longAgo is longer than any branch works on a call.
	longAgo = 20 * time.Second
	// maxUnsure bounds the writes that may have gone with a disk.
	maxUnsure = 64
)
