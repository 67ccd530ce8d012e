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
			case ok && at == a.Receipt, h.mayBeLost(w, a):
			case ok:
				return fmt.Errorf("counted twice or moved: %s %s of %d was acknowledged as entry %v and is entry %v", w.Kind, w.ID, w.Amount, a.Receipt, at)
			default:
				return fmt.Errorf("lost receipt: %s %s of %d at account %q, entry %v, acknowledged (%v, %s) by branch %d between %v and %v, is in no journal",
					w.Kind, w.ID, w.Amount, w.Account, a.Receipt, a.Level, a.Outcome, a.Asked, a.Began, a.Ended)
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
				return nil, fmt.Errorf("nobody asked for it: entry %+v", e)
			}
			if first, ok := found[e.RequestID]; ok {
				return nil, fmt.Errorf("counted twice: request id %s is entry %v and entry %v", e.RequestID, first, e.Receipt)
			}
			found[e.RequestID] = e.Receipt
			if e.Kind != w.Kind || e.Account != w.Account || e.To != w.To || e.Amount != w.Amount || e.Customer != w.Customer {
				return nil, fmt.Errorf("recorded wrong: %s %s of %d at %q (to %q) is entry %+v", w.Kind, w.ID, w.Amount, w.Account, w.To, e)
			}
			if !w.possible() {
				return nil, fmt.Errorf("recorded though denied: entry %v is %s %s, which was answered: %s", e.Receipt, w.Kind, w.ID, w.answers())
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
			e := &t.journals[branch][i]
			s.add(branch, e, e.Account)
			if e.Kind == transfer {
				s.add(branch, e, e.To)
			}
		}
	}
	return s
}

func (s sums) add(branch uint32, e *entry, account string) {
	change := e.change(account)
	if change == 0 {
		return
	}
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
	c.sequence, c.total = append(c.sequence, e.Receipt.Sequence), append(c.total, change)
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
