package check

import (
	"fmt"
	"slices"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// at returns the entry in a place of the journals.
func (t *Testimony) at(r history.Receipt) *Entry { return &t.Journals[r.Branch][r.Sequence-1] }

// checkRecorded checks that an entry is what was asked for, and that a list
// was carried out in a way in which it can be.
func checkRecorded(w *history.Write, e *Entry) error {
	asked := Entry{
		Receipt: e.Receipt, Clock: e.Clock, Customer: w.Customer, RequestID: w.ID, Kind: w.Kind,
		Account: w.Account, To: w.To, Amount: w.Amount,
	}
	if w.IsList() && e.List != nil {
		asked.List = &List{Operations: w.List, Refused: e.List.Refused}
	}
	if w.IsList() != (e.List != nil) || !asked.same(*e) {
		return fmt.Errorf("recorded wrong: %v is entry %v", asked, e)
	}
	if e.List == nil {
		return nil
	}
	if err := e.List.Refused.Check(e.Kind, e.List.Operations); err != nil {
		return fmt.Errorf("entry %v is %v: %w", e.Receipt, w, err)
	}
	if len(e.Done()) == 0 {
		return fmt.Errorf("recorded though refused: entry %v is %v, of which nothing was carried out", e.Receipt, w)
	}
	return nil
}

// checkAnswer checks that just those operations of a list are carried out that
// its customer was told of. Only what went with a disk can have been answered
// otherwise: the same list may have taken the same place again.
func checkAnswer(h *history.History, w *history.Write, a *history.Attempt, e *Entry) error {
	if !w.IsList() || a.Outcome != history.Success || a.Refused.Same(&e.List.Refused) || !a.Promised() && h.MayHaveGone(a) {
		return nil
	}
	return fmt.Errorf("not as answered: %v, entry %v, has %v, and branch %d answered between %v and %v that it has %v",
		w, e.Receipt, e.List.Refused, a.Asked, a.Began, a.Ended, a.Refused)
}

// checkReplays checks that whoever asks again for what they have a receipt of
// gets that very answer, and is told so. Where it was recorded, checkWrites
// checks.
func checkReplays(h *history.History) error {
	for _, w := range h.Writes {
		for _, again := range w.Attempts {
			if again.Outcome != history.Success || again.Replay {
				continue
			}
			if i := slices.IndexFunc(w.Attempts, func(a *history.Attempt) bool { return answeredBefore(h, a, again) }); i >= 0 {
				a := w.Attempts[i]
				return fmt.Errorf("not a replay: %v had receipt %v at %v, and branch %d, asked again between %v and %v, says that it carried it out anew",
					w, a.Receipt, a.Ended, again.Asked, again.Began, again.Ended)
			}
		}
	}
	return nil
}

// answeredBefore says whether an attempt had its receipt before another one
// began, and that can't have gone since with a disk.
func answeredBefore(h *history.History, a, again *history.Attempt) bool {
	told := a.Outcome == history.Success || a.Outcome == history.Recorded
	return told && a.Ended < again.Began && a.Receipt == again.Receipt && (a.Promised() || !h.MayHaveGone(a))
}
