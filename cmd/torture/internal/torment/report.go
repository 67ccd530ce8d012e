package torment

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/check"
	"passbook.example/passbook/cmd/torture/internal/faults"
	"passbook.example/passbook/cmd/torture/internal/history"
)

// Report is what came of a run.
type Report struct {
	// seed and rounds are of the run.
	seed   uint64
	rounds int
	// Faults counts the faults by kind, Calls the calls by kind and outcome.
	Faults map[string]int
	Calls  map[history.Kind]map[history.Outcome]int
	// checks counts the checks, Operations the linearized operations.
	checks, Operations int
	// Receipts is how many receipts the last check found at every branch,
	// entries how many entries; lost how many went with the only disk that was
	// promised.
	Receipts, entries, lost int
	// resolved is how many writes of unknown outcome the journals had.
	unsure, resolved int
	// ReadsChecked counts the queries that were checked.
	ReadsChecked int
	// Lists is what the journals have of lists.
	Lists listCount
	// down is the longest time from healing until every branch worked, apart
	// until every branch also reached every other, and recovery the longest that
	// a branch whose disk was lost took to serve.
	down, apart, recovery, took time.Duration
}

// listCount counts lists, those of which something was not carried out, and
// their operations by what became of them.
type listCount struct {
	// lists are all lists, inPart those of which something was not carried out; the
	// others count operations.
	lists, inPart, Done, Insufficient, unavailable int
}

func (c *listCount) add(e *check.Entry) {
	if e.List == nil {
		return
	}
	c.lists++
	if e.List.Refused.Count() > 0 {
		c.inPart++
	}
	c.Done += len(e.Done())
	c.Insufficient += len(e.List.Refused.Insufficient)
	c.unavailable += len(e.List.Refused.Unavailable)
}

func newReport(o Options) *Report { return &Report{seed: o.Seed, Faults: map[string]int{}} }

// checked notes a check that found nothing.
func (r *Report) checked(h *history.History, ev *check.Evidence, operations int) {
	r.checks++
	r.Operations += operations
	r.ReadsChecked = len(h.Reads)
	r.Receipts, r.entries, r.lost, r.unsure, r.resolved = 0, 0, 0, 0, 0
	r.Lists = listCount{}
	tale := ev.Reference()
	ids := map[string]bool{}
	for _, journal := range tale.Journals {
		r.entries += len(journal)
		for i := range journal {
			ids[journal[i].RequestID] = true
			r.Lists.add(&journal[i])
		}
	}
	for _, w := range h.Writes {
		_, told := w.Told(history.Receipt{})
		switch {
		case told && ids[w.ID]:
			r.Receipts++
		case told:
			r.lost++
		case w.Possible():
			r.unsure++
			if ids[w.ID] {
				r.resolved++
			}
		}
	}
}

// finish takes over what the bank has counted.
func (r *Report) finish(b *bank.Bank) {
	r.Calls, r.took, r.recovery = b.History.CountCalls(), b.Now(), b.Slowest()
}

// Print tells it in tables.
func (r *Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "seed %d: %d rounds in %v, %d checks\n\n", r.seed, r.rounds, r.took.Round(time.Second), r.checks)
	fmt.Fprintf(t, "fault\ttimes\t\n")
	total := 0
	for _, k := range faults.Kinds {
		fmt.Fprintf(t, "%s\t%d\t\n", k.Name, r.Faults[k.Name])
		total += r.Faults[k.Name]
	}
	fmt.Fprintf(t, "all\t%d\t\n", total)
	_ = t.Flush() // whoever can't write has nobody to tell
	fmt.Fprintln(w)
	outcomes := []history.Outcome{history.Success, history.Recorded, history.Refused, history.Nothing, history.Unsent, history.Unknown}
	fmt.Fprint(t, "call\t")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t", o)
	}
	fmt.Fprintln(t)
	for _, k := range []history.Kind{history.Deposit, history.Withdraw, history.Transfer, history.AllOrNone, history.EachAlone, history.Local, history.Session, history.Strong} {
		fmt.Fprintf(t, "%s\t", k)
		for _, o := range outcomes {
			fmt.Fprintf(t, "%d\t", r.Calls[k][o])
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
		{"receipts checked at every branch", r.Receipts},
		{"receipts lost with the only disk that was promised", r.lost},
		{"writes of unknown outcome", r.unsure},
		{"of them recorded", r.resolved},
		{"lists recorded", r.Lists.lists},
		{"of them carried out in part", r.Lists.inPart},
		{"operations carried out in lists", r.Lists.Done},
		{"operations insufficient in recorded lists", r.Lists.Insufficient},
		{"operations unavailable in recorded lists", r.Lists.unavailable},
		{"queries checked against their cut or the order", r.ReadsChecked},
		{"operations linearized", r.Operations},
		{"longest unavailability after healing", r.down.Round(time.Millisecond)},
		{"longest until each branch reaches each other", r.apart.Round(time.Millisecond)},
		{"slowest recovery of a lost disk", r.recovery.Round(time.Millisecond)},
	} {
		fmt.Fprintf(t, "%s\t%v\t\n", row.what, row.value)
	}
	_ = t.Flush() // as above
}
