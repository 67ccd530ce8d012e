package check

import (
	"fmt"
	"sort"

	"passbook.example/passbook/cmd/torture/internal/history"
)

// checkWrites checks that every receipt given out is in the journals, that each
// request id is there once, with what was asked for, and that nothing is there
// that nobody asked for or whose customer was told that nothing was recorded.
func checkWrites(h *history.History, t *Testimony) error {
	found, err := recordings(h, t)
	if err != nil {
		return err
	}
	for _, w := range h.Writes {
		for _, a := range w.Attempts {
			if a.Outcome != history.Success && a.Outcome != history.Recorded {
				continue
			}
			at, ok := found[w.ID]
			switch {
			case ok && at == a.Receipt:
				if err := checkAnswer(h, w, a, t.at(at)); err != nil {
					return err
				}
			case h.MayBeLost(w, a):
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
func recordings(h *history.History, t *Testimony) (map[string]history.Receipt, error) {
	writes := make(map[string]*history.Write, len(h.Writes))
	for _, w := range h.Writes {
		writes[w.ID] = w
	}
	found := make(map[string]history.Receipt, len(h.Writes))
	for _, branch := range history.BranchIDs {
		for _, e := range t.Journals[branch] {
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
			if err := checkRecorded(w, &e); err != nil {
				return nil, err
			}
			if !w.Possible() {
				return nil, fmt.Errorf("recorded though denied: entry %v is %v, which was answered: %s", e.Receipt, w, w.Answers())
			}
		}
	}
	return found, nil
}

// sums adds up what each journal has paid into each account, up to any entry.
type sums map[string]map[uint32]*column

// column is what one journal has paid into one account: after the entry
// sequence[i], it is total[i].
type column struct {
	// sequence has the entries, in order, and total the sums after each.
	sequence []uint64
	total    []int64
}

func sumUp(t *Testimony) sums {
	s := sums{}
	for _, branch := range history.BranchIDs {
		for i := range t.Journals[branch] {
			s.add(branch, &t.Journals[branch][i])
		}
	}
	return s
}

func (s sums) add(branch uint32, e *Entry) {
	net := map[string]int64{}
	for _, o := range e.Done() {
		net[o.Account] += o.Change(o.Account)
		if o.Kind == history.Transfer {
			net[o.To] += o.Change(o.To)
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
func (s sums) balance(account string, p history.Positions) int64 {
	balance := openingOf(account)
	for branch, c := range s[account] {
		n := sort.Search(len(c.sequence), func(i int) bool { return c.sequence[i] > p[branch] })
		if n > 0 {
			balance += c.total[n-1]
		}
	}
	return balance
}

// Cuts checks that each local and session query in reads shows exactly the
// entries that its reply's session names: no more, no less, none twice.
func Cuts(h *history.History, t *Testimony, reads []*history.Read) error {
	s := sumUp(t)
	for _, r := range reads {
		if r.Outcome != history.Success || r.Kind == history.Strong || h.ShowsLost(r) {
			continue
		}
		if want := s.balance(r.Account, r.After); r.Balance != want {
			return fmt.Errorf("wrong view: customer %d's %s of account %q at branch %d (%v to %v) came back with %d, and the entries it names, %v, add up to %d",
				r.Customer, r.Kind, r.Account, r.Asked, r.Began, r.Ended, r.Balance, r.After, want)
		}
	}
	return nil
}
