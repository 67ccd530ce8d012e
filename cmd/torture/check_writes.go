package main

import (
	"fmt"
	"sort"
)

// checkWrites checks that every receipt given out is in the journals, that each
// request id is there once, with what was asked for, and that nothing is there
// that nobody asked for or whose customer was told that nothing was recorded.
func checkWrites(h *history, t *testimony) error {
	found, err := recordings(h, t)
	if err != nil {
		return err
	}
	for _, w := range h.writes {
		for _, a := range w.Attempts {
			if a.Outcome != success && a.Outcome != recorded {
				continue
			}
			at, ok := found[w.ID]
			switch {
			case ok && at == a.Receipt:
				if err := h.checkAnswer(w, a, t.at(at)); err != nil {
					return err
				}
			case h.mayBeLost(w, a):
			case ok:
				return fmt.Errorf("counted twice or moved: %v was acknowledged as entry %v and is entry %v", w, a.Receipt, at)
			default:
				return fmt.Errorf("lost receipt: %v at account %q, entry %v, acknowledged (%v, %s) by branch %d between %v and %v, is in no journal",
					w, w.Account, a.Receipt, a.Level, a.Outcome, a.Asked, a.Began, a.Ended)
			}
		}
	}
	return nil
}

// recordings returns where each request id is recorded. It errs when one is
// twice, or is not what was asked for.
func recordings(h *history, t *testimony) (map[string]receipt, error) {
	writes := make(map[string]*write, len(h.writes))
	for _, w := range h.writes {
		writes[w.ID] = w
	}
	found := make(map[string]receipt, len(h.writes))
	for _, branch := range branchIDs {
		for _, e := range t.journals[branch] {
			if e.Kind == "" {
				continue
			}
			w := writes[e.RequestID]
			if w == nil {
				return nil, fmt.Errorf("nobody asked for it: entry %v", e)
			}
			if first, ok := found[e.RequestID]; ok {
				return nil, fmt.Errorf("counted twice: request id %s is entry %v and entry %v", e.RequestID, first, e.Receipt)
			}
			found[e.RequestID] = e.Receipt
			if err := w.checkRecorded(&e); err != nil {
				return nil, err
			}
			if !w.possible() {
				return nil, fmt.Errorf("recorded though denied: entry %v is %v, which was answered: %s", e.Receipt, w, w.answers())
			}
		}
	}
	return found, nil
}

// mayBeLost says whether a receipt may have gone with the disk of the branch
// that gave it out: nobody was promised more than that disk, and no branch but
// this one had applied it.
func (h *history) mayBeLost(w *write, a *attempt) bool {
	for _, b := range w.Attempts {
		if b.Receipt == a.Receipt && b.promised() {
			return false
		}
	}
	return h.mayHaveGone(a)
}

// mayHaveGone says whether a disk was lost that may have had all there was of
// what an attempt was told, whatever was promised.
func (h *history) mayHaveGone(a *attempt) bool {
	for i := range h.losses {
		if l := &h.losses[i]; l.hits(a.Receipt, a.Began) && a.Began < l.Killed {
			return true
		}
	}
	return false
}

// answers lists what the attempts of a write were answered.
func (w *write) answers() string {
	s := ""
	for i, a := range w.Attempts {
		if i > 0 {
			s += "; "
		}
		s += fmt.Sprintf("%s at branch %d (%v to %v) %s", a.Outcome, a.Asked, a.Began, a.Ended, a.Text)
	}
	return s
}

// sums adds up what each journal has paid into each account, up to any entry.
type sums map[string]map[uint32]*column

// column is what one journal has paid into one account: after the entry
// sequence[i], it is total[i].
type column struct {
	sequence []uint64
	total    []int64
}

func sumUp(t *testimony) sums {
	s := sums{}
	for _, branch := range branchIDs {
		for i := range t.journals[branch] {
			s.add(branch, &t.journals[branch][i])
		}
	}
	return s
}

func (s sums) add(branch uint32, e *entry) {
	net := map[string]int64{}
	for _, o := range e.done() {
		net[o.Account] += o.change(o.Account)
		if o.Kind == transfer {
			net[o.To] += o.change(o.To)
		}
	}
	for account, change := range net {
		s.pay(branch, account, e.Receipt.Sequence, change)
	}
}

func (s sums) pay(branch uint32, account string, sequence uint64, change int64) {
	if s[account] == nil {
		s[account] = map[uint32]*column{}
	}
	c := s[account][branch]
	if c == nil {
		c = &column{}
		s[account][branch] = c
	}
	if n := len(c.total); n > 0 {
		change += c.total[n-1]
	}
	c.sequence, c.total = append(c.sequence, sequence), append(c.total, change)
}

// balance is the balance of an account after the entries up to p.
func (s sums) balance(account string, p positions) int64 {
	balance := openingOf(account)
	for branch, c := range s[account] {
		n := sort.Search(len(c.sequence), func(i int) bool { return c.sequence[i] > p[branch] })
		if n > 0 {
			balance += c.total[n-1]
		}
	}
	return balance
}

// checkCuts checks that each local and session query in reads shows exactly the
// entries that its reply's session names: no more, no less, none twice.
func checkCuts(h *history, t *testimony, reads []*read) error {
	s := sumUp(t)
	for _, r := range reads {
		if r.Outcome != success || r.Kind == strong || h.showsLost(r) {
			continue
		}
		if want := s.balance(r.Account, r.After); r.Balance != want {
			return fmt.Errorf("wrong view: customer %d's %s of account %q at branch %d (%v to %v) came back with %d, and the entries it names, %v, add up to %d",
				r.Customer, r.Kind, r.Account, r.Asked, r.Began, r.Ended, r.Balance, r.After, want)
		}
	}
	return nil
}

// showsLost says whether a read may have seen what was lost with a disk later.
func (h *history) showsLost(r *read) bool {
	for i := range h.losses {
		for branch, sequence := range r.After {
			if h.losses[i].hits(receipt{branch, sequence}, r.Began) {
				return true
			}
		}
	}
	return false
}
