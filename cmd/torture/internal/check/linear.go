package check

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// linearTimeout is how long the search for an order of one account's window may
// take. A search that does not end is no proof, and counts as a failure.
const linearTimeout = 20 * time.Second

// forever is after all that happens in a window.
const forever = time.Duration(math.MaxInt64)

// trial is a window of a history and what is known about it.
type trial struct {
	// history is what the customers saw.
	history *history.History
	// tale is what any branch tells at the end of the window.
	tale *Testimony
	// window is the time that is tried.
	window Window
	// found is where each request id is recorded; spans is when the writes of
	// the window can have taken effect.
	found map[string]history.Receipt
	spans map[string]span
}

// span is the time within which a write took effect.
type span struct {
	// began and ended bound the moment.
	began, ended time.Duration
}

func newTrial(h *history.History, t *Testimony, w Window) (*trial, error) {
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
	writes := map[string]*history.Write{}
	for _, w := range x.history.Writes {
		writes[w.ID] = w
	}
	for _, branch := range history.BranchIDs {
		var began, ended = x.window.From, x.window.Until
		part := x.tale.Journals[branch][x.window.Start[branch]:x.window.End[branch]]
		for _, e := range part {
			w := writes[e.RequestID]
			if w == nil { // a grant
				continue
			}
			began = max(began, w.Began())
			s := span{began, forever}
			if at, ok := x.told(w, e.Receipt); ok {
				s = span{w.Began(), at}
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

// told is the first moment at which a customer had the receipt of what is in
// that place now. What was told of it before a disk was lost may have been about
// something that went with the disk; the same place was free again then.
func (x *trial) told(w *history.Write, r history.Receipt) (time.Duration, bool) {
	still := &history.Write{}
	for _, a := range w.Attempts {
		if !x.history.MayHaveGone(a) {
			still.Attempts = append(still.Attempts, a)
		}
	}
	return still.Told(r)
}

// Linear checks that the writes, the refusals and the strong queries of a
// window have an order, for each account, in which each takes effect at one
// moment of its call. With a dir, it leaves there a picture of what has none.
// It returns how many operations it has looked at.
func Linear(h *history.History, t *Testimony, w Window, dir string) (int, error) {
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
	ops, err := x.operations(account)
	if err != nil {
		return 0, err
	}
	model := accountModel(w.Balances[account])
	switch porcupine.CheckOperationsTimeout(model, ops, linearTimeout) {
	case porcupine.Ok:
		return len(ops), nil
	case porcupine.Unknown:
		return 0, fmt.Errorf("not decided: whether the %d operations on account %q between %v and %v are linearizable took longer than %v%s",
			len(ops), account, w.From, w.Until, linearTimeout, draw(model, ops, dir))
	default:
		return 0, fmt.Errorf("not linearizable: the %d operations on account %q between %v and %v, beginning with balance %d, have no order%s",
			len(ops), account, w.From, w.Until, w.Balances[account], draw(model, ops, dir))
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
	return porcupine.Operation{ClientId: int(client), Input: s, Call: int64(max(began, x.window.From)), Return: int64(ended)}
}

// operations returns what the window saw of an account.
func (x *trial) operations(account string) (ops []porcupine.Operation, err error) {
	from, until := x.window.From, x.window.Until
	verdicts := 0
	for _, w := range x.history.Writes {
		ops = append(ops, x.recorded(w, account, &verdicts)...)
		for _, a := range w.Attempts {
			if amount, ok := x.refusedFor(w, a, account); ok && a.Began >= from && a.Ended <= until {
				ops = append(ops, x.operation(w.Customer, step{what: refuses, name: w.ID, amount: amount}, a.Began, a.Ended))
			}
		}
	}
	for _, r := range x.history.Reads {
		if r.Outcome == history.Success && r.Kind == history.Strong && r.Account == account && r.Began >= from && r.Ended <= until {
			ops = append(ops, x.operation(r.Customer, step{what: reads, name: fmt.Sprintf("customer %d", r.Customer), amount: r.Balance}, r.Began, r.Ended))
		}
	}
	lost := false
	for i := range x.history.Losses {
		l := &x.history.Losses[i]
		if l.Killed < from || l.Killed > until {
			continue
		}
		if lost {
			return nil, fmt.Errorf("two disks were lost between %v and %v: check more often", from, until)
		}
		more := x.forgotten(l, account)
		ops, lost = append(ops, more...), len(more) > 0
	}
	return ops, nil
}

// recorded returns what a write that is in the window's journals did to an
// account. What of a list was refused as insufficient was so at an earlier
// moment: the list may have waited for other accounts after that. verdicts
// counts those that were given bits.
func (x *trial) recorded(w *history.Write, account string, verdicts *int) (ops []porcupine.Operation) {
	s, ok := x.spans[w.ID]
	if !ok {
		return nil
	}
	e := x.tale.at(x.found[w.ID])
	change := step{what: changes, name: w.ID, effects: []history.Effect{history.EffectOf(e.Done(), account)}}
	if need, ok := e.shortfall(account); ok && w.Began() >= x.window.From { // no balance before the window is known
		refusal := step{what: refuses, name: w.ID, amount: need}
		if change.does() && *verdicts < maxVerdicts {
			refusal.verdict = 1 << *verdicts
			change.verdict = refusal.verdict
			*verdicts++
		}
		ops = append(ops, x.operation(w.Customer, refusal, w.Began(), s.ended))
	}
	if change.does() {
		ops = append(ops, x.operation(w.Customer, change, s.began, s.ended))
	}
	return ops
}

// refusedFor returns below which amount an account's balance was at a moment of
// an attempt, since what it asked for was refused for that and not recorded.
func (x *trial) refusedFor(w *history.Write, a *history.Attempt, account string) (int64, bool) {
	switch {
	case w.IsList() && a.Refused.Count() == len(w.List):
		need, ok := a.Refused.Shortfalls(w.List)[account]
		return need, ok
	case a.Outcome != history.Refused:
		return 0, false
	}
	needs := w.Needs()
	need, ok := needs[account]
	// Which account it was that all or none of a list was refused for, only the
	// words of the answer say.
	return need, ok && (len(needs) == 1 || strings.Contains(a.Text, fmt.Sprintf("account %q ", named(account))))
}

// forgotten returns the writes that are in no journal because they may have
// gone with a disk, and the moment when that was gone.
func (x *trial) forgotten(l *history.Loss, account string) (ops []porcupine.Operation) {
	for _, w := range x.history.Writes {
		at, found := x.found[w.ID]
		// What is found may be a second life of what was lost.
		again := found && at.Branch == l.Branch && at.Sequence > l.Kept
		maybe := step{what: perhaps, name: w.ID, effects: effectsBefore(w, l, account, again)}
		if !maybe.does() || found && !again || !mayHaveReached(w, l, x.window.From) {
			continue
		}
		ended := forever
		if at, ok := w.Told(history.Receipt{}); ok && !found {
			ended = at
		}
		ops = append(ops, x.operation(w.Customer, maybe, w.Began(), ended))
	}
	if len(ops) > 0 {
		ops = append(ops, x.operation(0, step{what: forgets}, l.From, l.Until))
	}
	return ops
}

// effectsBefore returns what a write that may have gone with a disk may have done to
// an account. Of a list whose operations go each by itself, only an answer says
// which did; again says that the answers may be about its second life.
func effectsBefore(w *history.Write, l *history.Loss, account string, again bool) []history.Effect {
	if w.Kind != history.EachAlone {
		return []history.Effect{history.EffectOf(w.Operations(), account)}
	}
	for _, a := range w.Attempts {
		if !again && a.Outcome == history.Success && a.Receipt.Branch == l.Branch && a.Receipt.Sequence > l.Kept {
			return []history.Effect{history.EffectOf(a.Refused.Done(w.List), account)}
		}
	}
	return history.EffectsOfSome(w.List, account)
}

// mayHaveReached says whether the write may have been recorded on the disk
// before that was lost. from is when the window began: what was asked for long
// before it is decided by then, and what was acknowledged before it and is
// nowhere went with another disk.
func mayHaveReached(w *history.Write, l *history.Loss, from time.Duration) bool {
	if at, ok := w.Told(history.Receipt{}); ok && at < from {
		return false
	}
	for _, a := range w.Attempts {
		told := a.Outcome == history.Success || a.Outcome == history.Recorded || a.Outcome == history.Unknown
		if w.Home == l.Branch && told && a.Began < l.Killed && a.Ended > from-longAgo {
			return true
		}
	}
	return false
}

// longAgo is longer than any branch works on a call.
const longAgo = 20 * time.Second
