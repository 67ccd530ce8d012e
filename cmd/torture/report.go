package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"
)

// report is what came of a run.
type report struct {
	seed   uint64
	rounds int
	faults map[string]int
	calls  map[kind]map[outcome]int
	// checks counts the checks, operations the linearized operations.
	checks, operations int
	// receipts is how many receipts the last check found at every branch,
	// entries how many entries; lost how many went with the only disk that was
	// promised.
	receipts, entries, lost int
	// resolved is how many writes of unknown outcome the journals had.
	unsure, resolved int
	readsChecked     int
	// lists is what the journals have of lists.
	lists listCount
	// down is the longest time from healing until every branch worked, apart
	// until every branch also reached every other, and recovery the longest that
	// a branch whose disk was lost took to serve.
	down, apart, recovery, took time.Duration
}

// listCount counts lists, those of which something was not carried out, and
// their operations by what became of them.
type listCount struct {
	lists, inPart, done, insufficient, unavailable int
}

func (c *listCount) add(e *entry) {
	if e.List == nil {
		return
	}
	c.lists++
	if e.List.Refused.count() > 0 {
		c.inPart++
	}
	c.done += len(e.done())
	c.insufficient += len(e.List.Refused.Insufficient)
	c.unavailable += len(e.List.Refused.Unavailable)
}

func newReport(o options) *report { return &report{seed: o.seed, faults: map[string]int{}} }

// checked notes a check that found nothing.
func (r *report) checked(h *history, ev *evidence, operations int) {
	r.checks++
	r.operations += operations
	r.readsChecked = len(h.reads)
	r.receipts, r.entries, r.lost, r.unsure, r.resolved = 0, 0, 0, 0, 0
	r.lists = listCount{}
	tale := ev.reference()
	ids := map[string]bool{}
	for _, journal := range tale.journals {
		r.entries += len(journal)
		for i := range journal {
			ids[journal[i].RequestID] = true
			r.lists.add(&journal[i])
		}
	}
	for _, w := range h.writes {
		_, told := w.told(receipt{})
		switch {
		case told && ids[w.ID]:
			r.receipts++
		case told:
			r.lost++
		case w.possible():
			r.unsure++
			if ids[w.ID] {
				r.resolved++
			}
		}
	}
}

// finish takes over what the bank has counted.
func (r *report) finish(b *bank) {
	r.calls, r.took, r.recovery = b.history.countCalls(), b.now(), b.slowest()
}

func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "seed %d: %d rounds in %v, %d checks\n\n", r.seed, r.rounds, r.took.Round(time.Second), r.checks)
	fmt.Fprintf(t, "fault\ttimes\t\n")
	total := 0
	for _, k := range faultKinds {
		fmt.Fprintf(t, "%s\t%d\t\n", k.name, r.faults[k.name])
		total += r.faults[k.name]
	}
	fmt.Fprintf(t, "all\t%d\t\n", total)
	_ = t.Flush() // whoever can't write has nobody to tell
	fmt.Fprintln(w)
	outcomes := []outcome{success, recorded, refused, nothing, unsent, unknown}
	fmt.Fprint(t, "call\t")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t", o)
	}
	fmt.Fprintln(t)
	for _, k := range []kind{deposit, withdraw, transfer, allOrNone, eachAlone, local, session, strong} {
		fmt.Fprintf(t, "%s\t", k)
		for _, o := range outcomes {
			fmt.Fprintf(t, "%d\t", r.calls[k][o])
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush() // as above
	fmt.Fprintln(w)
	for _, row := range []struct {
		what  string
		value any
	}{
		{"entries at every branch", r.entries},
		{"receipts checked at every branch", r.receipts},
		{"receipts lost with the only disk that was promised", r.lost},
		{"writes of unknown outcome", r.unsure},
		{"of them recorded", r.resolved},
		{"lists recorded", r.lists.lists},
		{"of them carried out in part", r.lists.inPart},
		{"operations carried out in lists", r.lists.done},
		{"operations insufficient in recorded lists", r.lists.insufficient},
		{"operations unavailable in recorded lists", r.lists.unavailable},
		{"queries checked against their cut or the order", r.readsChecked},
		{"operations linearized", r.operations},
		{"longest unavailability after healing", r.down.Round(time.Millisecond)},
		{"longest until each branch reaches each other", r.apart.Round(time.Millisecond)},
		{"slowest recovery of a lost disk", r.recovery.Round(time.Millisecond)},
	} {
		fmt.Fprintf(t, "%s\t%v\t\n", row.what, row.value)
	}
	_ = t.Flush() // as above
}

// save writes down what the customers saw, a line for each write and read.
func (h *history) save(dir string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return err
	}
	out := json.NewEncoder(f)
	for _, w := range h.writes {
		err = errors.Join(err, out.Encode(w))
	}
	for _, r := range h.reads {
		err = errors.Join(err, out.Encode(r))
	}
	for _, l := range h.losses {
		err = errors.Join(err, out.Encode(l))
	}
	return errors.Join(err, f.Close())
}
