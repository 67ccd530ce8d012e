package replica_test

import (
	"errors"
	"fmt"
	"strings"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// What the transcripts say.

func (b *bank) sayCommit(n *node, c *ledger.Commit) {
	for _, s := range c.Batches {
		verb := "applies"
		if s.Batch.Branch == n.id {
			verb = "syncs"
		}
		b.detail("%d: %s %s", n.id, verb, batchText(s.Sealed))
	}
	if c.Bank != nil {
		b.detail("%d: records %s", n.id, bankText(*c.Bank))
	}
	if c.Sync && len(c.Batches) == 0 && !c.Settled && c.Bank == nil {
		b.detail("%d: syncs", n.id)
	}
}

func (b *bank) sayReply(n *node, r *protocol.Reply) {
	c, ok := n.calls[r.ID]
	if !ok {
		b.t.Fatalf("branch %d answers call %d twice: %+v", n.id, r.ID, r)
	}
	delete(n.calls, r.ID)
	switch {
	case r.Err != nil:
		var unavailable *protocol.UnavailableError
		if errors.As(r.Err, &unavailable) {
			b.say("%d: answers %s: unavailable: %v", n.id, c.name, r.Err)
			return
		}
		b.say("%d: answers %s: %v", n.id, c.name, r.Err)
		return
	case r.Forward != 0:
		b.say("%d: answers %s: ask branch %d", n.id, c.name, r.Forward)
		return
	}
	s := fmt.Sprintf("balance %d", r.Balance)
	if r.Operations != nil {
		s = fmt.Sprintf("%d operations%s", r.Operations.Len(), refusedText(r.Operations))
	}
	if r.Receipt.Sequence > 0 {
		s = fmt.Sprintf("success, entry %d/%d, %s", r.Receipt.Branch, r.Receipt.Sequence, s)
	}
	if r.Replay {
		s += ", a replay"
	}
	if len(r.Unreachable) > 0 {
		s += fmt.Sprintf(", not at %v", r.Unreachable)
	}
	if c.session != "" {
		b.sessions[c.session] = r.Session
		s += ", session " + positions(r.Session)
	}
	b.say("%d: answers %s: %s", n.id, c.name, s)
}

// bankText names a bank by the branch that has proposed its id, and its boot.
func bankText(b ledger.Bank) string {
	switch {
	case b.ID == ledger.BankID{}:
		return "no bank yet"
	case !b.Founded:
		return fmt.Sprintf("bank %d.%d as proposed", b.ID[3], b.ID[15])
	}
	return fmt.Sprintf("bank %d.%d", b.ID[3], b.ID[15])
}

func positions(ps []ledger.Position) string {
	var out []string
	for _, p := range ps {
		out = append(out, fmt.Sprintf("%d/%d", p.Branch, p.Sequence))
	}
	return "{" + strings.Join(out, " ") + "}"
}

// batchText is as in "1/3 withdrawal 50, grant 7 to 2 (after {2/1})".
func batchText(s *ledger.Sealed) string {
	var entries []string
	for _, e := range s.Batch.Entries {
		if e.Kind == ledger.Bulk {
			entries = append(entries, "bulk"+operationsText(e.Operations))
			continue
		}
		t := fmt.Sprintf("%s %d", e.Kind, e.Amount)
		if e.Account != ledger.SharedAccount {
			t += " of " + e.Account
		}
		switch e.Kind {
		case ledger.Grant:
			t += fmt.Sprintf(" to branch %d", e.ToBranch)
		case ledger.Transfer:
			t += " to " + e.ToAccount
		}
		entries = append(entries, t)
	}
	t := fmt.Sprintf("%d/%d %s", s.Batch.Branch, s.Batch.FirstSequence, strings.Join(entries, ", "))
	if len(s.Batch.After) > 0 {
		t += " (after " + positions(s.Batch.After) + ")"
	}
	return t
}

// operationsText shows those that are carried out.
func operationsText(o *ledger.Operations) string {
	t := ""
	o.EachDone(func(i int) bool {
		switch {
		case o.From[i] == 0:
			t += fmt.Sprintf(" +%s:%d", o.Accounts[o.To[i]-1], o.Amounts[i])
		case o.To[i] == 0:
			t += fmt.Sprintf(" -%s:%d", o.Accounts[o.From[i]-1], o.Amounts[i])
		default:
			t += fmt.Sprintf(" %s>%s:%d", o.Accounts[o.From[i]-1], o.Accounts[o.To[i]-1], o.Amounts[i])
		}
		return true
	})
	return t
}

func refusedText(o *ledger.Operations) string {
	t := ""
	if len(o.Insufficient) > 0 {
		t += fmt.Sprintf(", insufficient %v", o.Insufficient)
	}
	if len(o.Unavailable) > 0 {
		t += fmt.Sprintf(", unavailable %v", o.Unavailable)
	}
	return t
}

func messageText(m *protocol.Message) string {
	switch {
	case m.Claim != nil:
		return fmt.Sprintf("claim %d, ticket %d.%d", m.Claim.Amount, m.Claim.Ticket.Clock, m.Claim.Ticket.Branch)
	case m.ClaimAnswer != nil && m.ClaimAnswer.Failed, m.CollectAnswer != nil && m.CollectAnswer.Failed:
		return "the call failed"
	case m.ClaimAnswer != nil:
		return fmt.Sprintf("granted %d, see entry %d", m.ClaimAnswer.Granted, m.ClaimAnswer.Sequence)
	case m.Collect != nil && m.Collect.Mark > 0 && m.Collect.Look == 1:
		return fmt.Sprintf("mark at %d", m.Collect.Mark)
	case m.Collect != nil && m.Collect.Mark > 0:
		return fmt.Sprintf("is the mark at %d intact?", m.Collect.Mark)
	case m.Collect != nil:
		t := fmt.Sprintf("look %d", m.Collect.Look) + clockText(m.Collect.Clock)
		if m.Collect.Freeze {
			t += ", freeze the account"
		}
		return t
	case m.CollectAnswer != nil:
		t := fmt.Sprintf("last entry %d%s, paid %d", m.CollectAnswer.Last, clockText(m.CollectAnswer.Clock), m.CollectAnswer.Paid)
		if m.CollectAnswer.MostKnown {
			t += fmt.Sprintf(", at most %d since", m.CollectAnswer.Most)
		}
		return t
	}
	return frameText(m.Frame)
}

// markAnswerText is what a branch answers to a mark, and to the question whether it is
// intact.
func markAnswerText(c *protocol.Collect, a *protocol.CollectAnswer) string {
	switch {
	case a.Intact:
		return "the mark is intact"
	case c.Look > 1:
		return "the mark is not intact"
	case a.Marked:
		return fmt.Sprintf("marked, paid %d", a.Paid)
	case a.Clock >= c.Mark:
		return fmt.Sprintf("not marked, already at %d", a.Clock)
	}
	return "can't be marked"
}

// clockText shows a Lamport time, unless it is one that counting entries gives.
func clockText(clock uint64) string {
	if clock < 1<<16 {
		return ""
	}
	return fmt.Sprintf(" at %d", clock)
}

func frameText(f *protocol.Frame) string {
	var parts []string
	if f.Hello != nil {
		var applied []ledger.Position
		for _, a := range f.Hello.Applied {
			applied = append(applied, a.Position)
		}
		t := "hello, I have " + positions(applied)
		if !f.Hello.Identity.Founded {
			t = "hello, " + bankText(f.Hello.Identity)
		}
		parts = append(parts, t)
	}
	for _, s := range f.Batches {
		parts = append(parts, "batch "+batchText(s))
	}
	if f.Contest != nil {
		parts = append(parts, contestTexts(f.Contest)...)
	}
	if f.Ack != nil {
		t := fmt.Sprintf("ack %d", f.Ack.Applied)
		if f.Ack.Synced > 0 {
			t += fmt.Sprintf(" (synced %d)", f.Ack.Synced)
		}
		if f.Ack.Forked {
			t += ", your journal has forked"
		}
		parts = append(parts, t)
	}
	for _, w := range f.Wants {
		parts = append(parts, fmt.Sprintf("I want journal %d after entry %d", w.Branch, w.Sequence))
	}
	if f.Sync {
		parts = append(parts, "please sync")
	}
	return strings.Join(parts, "; ")
}

func contestTexts(c *protocol.Contest) (parts []string) {
	for _, account := range c.Summons {
		parts = append(parts, "summons to "+account)
	}
	for i := range c.Looks {
		l := &c.Looks[i]
		t := fmt.Sprintf("chained look %d", l.Step) + clockText(c.Clock)
		if l.Proven > 0 {
			t += fmt.Sprintf(", at look %d the balance was %d at most", l.Proven, l.Balance)
		}
		if l.Want > 0 {
			t += fmt.Sprintf(", I want %d for %d.%d", l.Want, l.Oldest.Clock, l.Oldest.Branch)
		}
		switch {
		case l.Firm:
			t += ", freeze it firmly"
		case l.Freeze:
			t += ", freeze it"
		}
		parts = append(parts, t)
	}
	for i := range c.Answers {
		a := &c.Answers[i]
		t := fmt.Sprintf("answer %d%s: entry %d, then %d, paid %d", a.Step, clockText(c.Clock), a.Before, a.Last, a.Paid)
		if a.MostKnown {
			t += fmt.Sprintf(", at most %d before", a.Most)
		}
		for _, w := range a.Waiting {
			t += fmt.Sprintf(", %d waits since %d", w.Amount, w.Clock)
		}
		if a.Failed {
			t = fmt.Sprintf("answer %d: failed", a.Step)
		}
		parts = append(parts, t)
	}
	for _, e := range c.Ends {
		t := "end of the chain"
		if e.Failed {
			t = "the chain has failed"
		}
		parts = append(parts, t)
	}
	return parts
}
