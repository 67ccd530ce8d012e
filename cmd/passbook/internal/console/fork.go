package console

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"passbook.example/passbook/branch/name"
	"passbook.example/passbook/cmd/passbook/internal/words"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// ForkSight is what a branch says of a fork.
type ForkSight struct {
	// Branch is the branch, Reply its answer.
	Branch uint32
	Reply  *bankv1.GetForkResponse
	// Err is why it gave none.
	Err error
}

// hashDigits is how much of a hash is shown.
const hashDigits = 16

// short returns how a hash begins, as a branch has told it.
func short(hash string) string { return name.Printable(fmt.Sprintf("%.*s", hashDigits, hash)) }

// Fork shows both sides of a fork, which branches have applied which, what depends on each,
// and what to do next.
func (c *Console) Fork(alarm string, f *bankv1.Fork, sights []ForkSight) error {
	var out strings.Builder
	fmt.Fprintf(&out, "The journal of branch %d has forked: two batches begin with its entry %d.\n", f.GetBranch(), f.GetFirstSequence())
	for _, side := range f.GetSides() {
		writeSide(&out, side, sights)
	}
	out.WriteString("\n")
	t := table{header: []string{"BRANCH", "HAS APPLIED", "UP TO ENTRY", "WHAT DEPENDS ON IT THERE"}}
	for _, s := range sights {
		t.add(s.Branch, applied(s), upTo(s), dependents(s))
	}
	if err := t.write(&out, true, true); err != nil {
		return err
	}
	out.WriteString("\n")
	writeNext(&out, alarm, f, sights)
	_, err := io.WriteString(c.Out, out.String())
	return err
}

// writeSide shows one side: its batch, and the entries that follow it as the branch has
// them that knows most of them.
func writeSide(out *strings.Builder, side *bankv1.ForkSide, sights []ForkSight) {
	signed := "not signed"
	if side.GetCertificate() != "" {
		signed = "signed by certificate " + short(side.GetCertificate())
	}
	fmt.Fprintf(out, "\nBatch %s, up to entry %d, of boot %d, %s\n", short(side.GetHash()), side.GetLastSequence(), side.GetEpoch(), signed)
	entries, more := entriesOf(side, sights)
	for _, e := range entries {
		fmt.Fprintf(out, "  %6d  %s\n", e.GetReceipt().GetSequence(), name.Printable(forkEntry(e)))
	}
	if more > 0 {
		fmt.Fprintf(out, "  and %s more\n", words.Count(int(more), "entry"))
	}
	if len(entries) == 0 {
		out.WriteString("  its entries are at a branch that was not reached\n")
	}
}

// entriesOf returns the entries of a side, from the branch that has applied most of it, or
// else from one that knows of it.
func entriesOf(side *bankv1.ForkSide, sights []ForkSight) (entries []*bankv1.AlarmEntry, more uint64) {
	for _, s := range sights {
		r := s.Reply
		if r.GetAppliedHash() == side.GetHash() && uint64(len(r.GetApplied()))+r.GetAppliedMore() > uint64(len(entries))+more {
			entries, more = r.GetApplied(), r.GetAppliedMore()
		}
	}
	for _, s := range sights {
		if r := s.Reply; len(entries) == 0 && r.GetFork() != nil && r.GetAppliedHash() != side.GetHash() {
			entries, more = r.GetOthers(), r.GetOthersMore()
		}
	}
	return entries, more
}

// forkEntry says what an entry does.
func forkEntry(e *bankv1.AlarmEntry) string {
	var text string
	switch e.GetWhat() {
	case "grant":
		text = fmt.Sprintf("grants %d of %q to branch %d", e.GetAmount(), e.GetAccount(), e.GetToBranch())
	case "transfer":
		text = fmt.Sprintf("transfer of %d from %q to %q", e.GetAmount(), e.GetAccount(), e.GetToAccount())
	case "bulk":
		text = fmt.Sprintf("list of %s", words.Count(int(e.GetOperations()), "operation"))
	case "withdrawal":
		text = fmt.Sprintf("withdrawal of %d from %q", e.GetAmount(), e.GetAccount())
	default:
		text = fmt.Sprintf("%s of %d to %q", e.GetWhat(), e.GetAmount(), e.GetAccount())
	}
	if e.GetCustomer() != "" {
		text += ", by " + e.GetCustomer()
	}
	if e.GetCustomerId() != 0 {
		text += fmt.Sprintf(", customer %d", e.GetCustomerId())
	}
	if e.GetRequestId() != "" {
		text += fmt.Sprintf(", request %q", e.GetRequestId())
	}
	return text
}

func applied(s ForkSight) string {
	switch {
	case s.Err != nil:
		return "not known"
	case s.Reply.GetAppliedHash() == "":
		return "neither"
	}
	return short(s.Reply.GetAppliedHash())
}

func upTo(s ForkSight) string {
	if s.Err != nil || s.Reply.GetAppliedHash() == "" {
		return ""
	}
	return fmt.Sprint(s.Reply.GetAppliedUpTo())
}

func dependents(s ForkSight) string {
	if s.Err != nil {
		return fmt.Sprintf("%v", s.Err)
	}
	var parts []string
	for _, d := range s.Reply.GetDependents() {
		parts = append(parts, fmt.Sprintf("entries %d to %d of branch %d", d.GetFirstSequence(), d.GetLastSequence(), d.GetBranch()))
	}
	if s.Reply.GetDependentsTruncated() {
		parts = append(parts, "and perhaps more, of which there is too much to look at")
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// writeNext says what to do.
func writeNext(out *strings.Builder, alarm string, f *bankv1.Fork, sights []ForkSight) {
	if f.GetKept() != "" {
		fmt.Fprintf(out, "It is decided at this branch that batch %s counts, by %s", short(f.GetKept()), name.Printable(f.GetDecidedBy()))
		if f.GetNote() != "" {
			fmt.Fprintf(out, " (%s)", name.Printable(f.GetNote()))
		}
		if out.WriteString(".\n"); f.GetRestart() {
			out.WriteString("Start the branch again: it leaves out the other side then.\n")
		}
		return
	}
	fmt.Fprintf(out, `Choose the side on which more depends, and whose entries customers were told of.
Entries of branch %d on the other side will not count: keep this list, and enter
again what must count. Entries of other branches that depend on the other side are
not lost: those branches apply them again once they have the escrow, which they
claim, and serve then.

First stop the process that has written the other side, if it still runs. Then, at
each branch:
`, f.GetBranch())
	for _, side := range f.GetSides() {
		var have []uint32
		for _, s := range sights {
			if s.Reply.GetAppliedHash() == side.GetHash() {
				have = append(have, s.Branch)
			}
		}
		slices.Sort(have)
		on := "no branch that was reached"
		if len(have) > 0 {
			on = words.Branches(have)
		}
		fmt.Fprintf(out, "  passbook alarms resolve %s --keep %s --branch N   (on %s)\n", alarm, short(side.GetHash()), on)
	}
	out.WriteString("and start those branches again that say so.\n")
}

// Decided reports a decision about a fork.
func (c *Console) Decided(id, keep string, r *bankv1.ResolveAlarmResponse) error {
	line := fmt.Sprintf("Decided at branch %d that batch %s counts (alarm %s)", r.GetBranch(), short(keep), id)
	if r.GetRestart() {
		line += "; start the branch again: it leaves out the other side then, and fetches what counts"
	}
	_, err := fmt.Fprintln(c.Out, line)
	return err
}
