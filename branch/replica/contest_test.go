package replica_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Of three branches the third is the chair of the shared account.
const chairOfShared = 3

// contest gives a branch what a peer says of contested accounts, and lets it take a turn.
func (b *bank) contest(n *node, from ledger.BranchID, c protocol.Contest) {
	n.replica.Receive(protocol.Message{From: from, To: n.id, Frame: &protocol.Frame{Contest: &c}})
	b.turn(n)
}

// answersTo takes the answers to looks that a branch has sent.
func (b *bank) answersTo() (all []protocol.ContestAnswer) {
	for _, m := range b.transit {
		if m.Frame != nil && m.Frame.Contest != nil {
			all = append(all, m.Frame.Contest.Answers...)
		}
	}
	b.transit = nil
	return all
}

// submit asks for a write at a branch.
func (b *bank) submit(n *node, kind ledger.Kind, amount ledger.Amount) uint64 {
	b.calls++
	n.calls[b.calls] = pendingCall{name: "call"}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 100_000,
		Entry: ledger.Entry{Kind: kind, Account: ledger.SharedAccount, Amount: amount},
	})
	return b.calls
}

// lookOf is one of the chair of the shared account.
func lookOf(chain, step, proven uint64, balance ledger.Amount) protocol.Contest {
	return protocol.Contest{Looks: []protocol.ContestLook{{Account: ledger.SharedAccount, Chain: chain, Step: step, Proven: proven, Balance: balance, Freeze: true}}}
}

// contestSeat returns a bank in which branch 1 has a withdrawal of all that there is and
// more waiting, and the account is contested.
func contestSeat(t *testing.T) (*bank, *node) {
	t.Helper()
	b := quietBank(t, 3, 30)
	b.transit = nil
	return b, b.nodes[0]
}

// A first look may come twice: again after a branch has given up its seat, though nobody
// repeats it. What begins to wait in between was not there when the first one was answered,
// and the moment that it proves is before that.
func TestARepeatedFirstLookProvesNothing(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	b.answersTo()
	for range 2 { // the seat is given up, and the contest forgotten
		b.now += 60_000
		b.turn(first)
	}
	b.transit = nil
	again := lookOf(7, 1, 0, 0)
	first.replica.Receive(protocol.Message{From: chairOfShared, To: 1, Frame: &protocol.Frame{Contest: &again}})
	waits := b.submit(first, ledger.Withdrawal, 100)
	b.turn(first)
	b.contest(first, chairOfShared, lookOf(7, 2, 0, 0))
	b.contest(first, chairOfShared, lookOf(7, 3, 1, 30))
	if _, ok := first.calls[waits]; !ok {
		t.Error("a withdrawal is refused for a moment before it began")
	}
	b.contest(first, chairOfShared, lookOf(7, 4, 2, 30))
	if _, ok := first.calls[waits]; ok {
		t.Error("a withdrawal is not refused for a moment at which it waited")
	}
}

// A look that is sent again gets the same answer again, and opens nothing.
func TestARepeatedLookIsAnsweredAlike(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	want := b.answersTo()
	deposit := b.submit(first, ledger.Deposit, 5)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	if got := b.answersTo(); len(got) != 1 || len(want) != 1 || got[0].Last != want[0].Last || got[0].Paid != want[0].Paid || got[0].Step != 1 {
		t.Errorf("answers %+v, want %+v again", got, want)
	}
	if _, ok := first.calls[deposit]; !ok {
		t.Error("a repeated look lets a deposit go on")
	}
}

// A chair that sends looks and then nothing, or somebody in its name, makes writes wait for
// a moment each time. What is more than a moment adds up to a quarter of any second.
func TestASilentChairFreezesNothingForLong(t *testing.T) {
	const grace, most, seconds = 20, 250, 20
	for _, pause := range []int{30, 300, 900} {
		b, first := contestSeat(t)
		rng := rand.New(rand.NewPCG(1, uint64(pause)))
		chain, next := uint64(0), b.now
		waits := map[uint64]protocol.Millis{}
		var long []bool // by millisecond: something has waited for more than a moment
		for range seconds * 1000 {
			b.now++
			first.replica.Tick(b.now)
			if b.now >= next {
				next = b.now + 1 + protocol.Millis(rng.IntN(pause))
				chain++
				c := lookOf(chain, 1, 0, 0)
				first.replica.Receive(protocol.Message{From: chairOfShared, To: 1, Frame: &protocol.Frame{Contest: &c}})
			}
			waits[b.submit(first, ledger.Deposit, 1)] = b.now
			b.turn(first)
			b.transit = nil
			late := false
			for id, since := range waits {
				if _, ok := first.calls[id]; !ok {
					delete(waits, id)
				} else if b.now-since > grace {
					late = true
				}
			}
			long = append(long, late)
		}
		worst := worstSecond(long)
		if worst > most {
			t.Errorf("looks up to %d ms apart: for %d ms of a second something had waited for more than %d ms, want %d at most", pause, worst, grace, most)
		}
		if pause > 2*grace && worst == 0 {
			t.Errorf("looks up to %d ms apart: nothing is ever frozen", pause)
		}
	}
}

// Customers of one branch ask without end for what that branch has. An older withdrawal at
// another branch gets its money all the same: the next look says that it lacks it.
func TestNobodyIsStarvedByAStormElsewhere(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	b.answersTo()
	b.submit(first, ledger.Withdrawal, 4)
	b.submit(first, ledger.Withdrawal, 4)
	old := lookOf(7, 2, 0, 0)
	old.Looks[0].Want, old.Looks[0].Oldest = 9, protocol.Ticket{Clock: 1, Branch: 2}
	b.submit(first, ledger.Withdrawal, 4)
	b.contest(first, chairOfShared, old)
	if got := first.replica.Ledger().Escrow(ledger.SharedAccount, 2); got != 19 {
		t.Errorf("the chair owns %d, want the 9 more that it lacks for an older withdrawal", got)
	}
}

// Everything that is said of contested accounts is checked before it is used.
func TestWhatIsSaidOfContestedAccountsIsChecked(t *testing.T) {
	const account = ledger.SharedAccount
	tooLong := strings.Repeat("x", ledger.MaxNameBytes+1)
	for chairOf(tooLong, 3) != chairOfShared-1 {
		tooLong += "x"
	}
	good := protocol.ContestLook{Account: account, Chain: 1, Step: 2, Proven: 1, Balance: 5, Want: 1, Oldest: protocol.Ticket{Clock: 1, Branch: 2}}
	changed := func(change func(*protocol.ContestLook)) protocol.Contest {
		l := good
		change(&l)
		return protocol.Contest{Looks: []protocol.ContestLook{l}}
	}
	answer := func(change func(*protocol.ContestAnswer)) protocol.Contest {
		a := protocol.ContestAnswer{Account: account, Chain: 1, Step: 1, Waiting: []protocol.ContestWait{{Clock: 1, Amount: 1}}}
		change(&a)
		return protocol.Contest{Answers: []protocol.ContestAnswer{a}}
	}
	tests := map[string]struct {
		to, from ledger.BranchID
		said     protocol.Contest
		want     protocol.Lie // 0 for none
	}{
		"a look":                             {1, 3, changed(func(*protocol.ContestLook) {}), 0},
		"a look of who is not the chair":     {1, 2, changed(func(*protocol.ContestLook) {}), protocol.BadForm},
		"a look at no account":               {1, 3, changed(func(l *protocol.ContestLook) { l.Account = "" }), protocol.BadForm},
		"a look at a name that is too long":  {1, 3, changed(func(l *protocol.ContestLook) { l.Account = tooLong }), protocol.BadForm},
		"a look of no chain":                 {1, 3, changed(func(l *protocol.ContestLook) { l.Chain = 0 }), protocol.BadForm},
		"look 0":                             {1, 3, changed(func(l *protocol.ContestLook) { l.Step, l.Proven = 0, 0 }), protocol.BadForm},
		"a look too many":                    {1, 3, changed(func(l *protocol.ContestLook) { l.Step = 1<<32 + 1 }), protocol.BadForm},
		"a moment that is not over":          {1, 3, changed(func(l *protocol.ContestLook) { l.Proven = 2 }), protocol.BadForm},
		"a balance below 0":                  {1, 3, changed(func(l *protocol.ContestLook) { l.Balance = -1 }), protocol.BadForm},
		"less than nothing wanted":           {1, 3, changed(func(l *protocol.ContestLook) { l.Want = -1 << 63 }), protocol.BadForm},
		"a ticket of the future":             {1, 3, changed(func(l *protocol.ContestLook) { l.Oldest.Clock = 1 << 62 }), protocol.BadClock},
		"an answer":                          {3, 1, answer(func(*protocol.ContestAnswer) {}), 0},
		"an answer to who is not the chair":  {2, 1, answer(func(*protocol.ContestAnswer) {}), protocol.BadForm},
		"an answer that goes back":           {3, 1, answer(func(a *protocol.ContestAnswer) { a.Before = 1 }), protocol.BadPosition},
		"an answer with an entry far ahead":  {3, 1, answer(func(a *protocol.ContestAnswer) { a.Last = 1 << 61 }), protocol.BadPosition},
		"an answer that has paid too much":   {3, 1, answer(func(a *protocol.ContestAnswer) { a.Paid = 1<<63 - 1 }), protocol.BadAnswer},
		"an answer that had paid too much":   {3, 1, answer(func(a *protocol.ContestAnswer) { a.Most = 1<<63 - 1 }), protocol.BadAnswer},
		"an answer that has taken too much":  {3, 1, answer(func(a *protocol.ContestAnswer) { a.Paid = -1 << 63 }), protocol.BadAnswer},
		"an answer with too many who wait":   {3, 1, answer(func(a *protocol.ContestAnswer) { a.Waiting = make([]protocol.ContestWait, 129) }), protocol.BadForm},
		"an answer in which nothing waits":   {3, 1, answer(func(a *protocol.ContestAnswer) { a.Waiting[0].Amount = 0 }), protocol.BadForm},
		"an answer with a ticket far ahead":  {3, 1, answer(func(a *protocol.ContestAnswer) { a.Waiting[0].Clock = 1<<64 - 1 }), protocol.BadClock},
		"summons":                            {3, 1, protocol.Contest{Summons: []string{account}}, 0},
		"summons to who is not the chair":    {2, 1, protocol.Contest{Summons: []string{account}}, protocol.BadForm},
		"summons to a name that is too long": {3, 1, protocol.Contest{Summons: []string{tooLong}}, protocol.BadForm},
		"summons to no account":              {3, 1, protocol.Contest{Summons: []string{""}}, protocol.BadForm},
		"more summons than a frame may have": {3, 1, protocol.Contest{Summons: make([]string, 64<<10+1)}, protocol.BadForm},
		"the end of a chain":                 {1, 3, protocol.Contest{Ends: []protocol.ContestEnd{{Account: account, Chain: 9}}}, 0},
		"the end of another's chain":         {1, 2, protocol.Contest{Ends: []protocol.ContestEnd{{Account: account, Chain: 9}}}, protocol.BadForm},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 3, 30)
			refused := b.refusalsOf(b.node(test.to), protocol.Message{From: test.from, Frame: &protocol.Frame{Contest: &test.said}})
			switch {
			case test.want == 0 && len(refused) > 0:
				t.Errorf("refused: %+v", refused)
			case test.want != 0 && (len(refused) != 1 || refused[0].Lie != test.want || !refused[0].Close):
				t.Errorf("%+v, want it refused for its %s", refused, test.want)
			}
		})
	}
}

// As many accounts are contested at once as a branch has room for: beyond that, branches
// help themselves.
func TestContestedAccountsAreBounded(t *testing.T) {
	const bound = 1024
	b := quietBank(t, 1+1, 0)
	first := b.nodes[0]
	// With two branches the second is the chair of about half of the accounts.
	failed, answered := 0, 0
	for i := range 4 * bound {
		account := "account " + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
		c := protocol.Contest{Looks: []protocol.ContestLook{{Account: account, Chain: uint64(i + 1), Step: 1}}}
		first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Contest: &c}})
		ready := first.replica.Ready()
		if ready.Commit != nil {
			first.disk.Commit(ready.Commit)
		}
		first.replica.Advance()
		for _, m := range ready.Messages {
			if m.Frame == nil || m.Frame.Contest == nil {
				continue
			}
			for _, a := range m.Frame.Contest.Answers {
				if a.Failed {
					failed++
				} else {
					answered++
				}
			}
		}
		if len(ready.Refusals) > 0 { // of the other half
			first.replica.LinkUp(2)
			first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Hello: b.hellos[[2]ledger.BranchID{2, 1}]}})
		}
	}
	if answered != bound || failed == 0 {
		t.Errorf("%d looks are answered and %d can't be, want %d answered", answered, failed, bound)
	}
}

// A write that changes two contested accounts goes on when one of them is opened, unless the
// other is frozen firmly.
func TestAFirmFreezeIsNotBroken(t *testing.T) {
	for _, firm := range []bool{false, true} {
		b, first := contestSeat(t)
		l := lookOf(7, 1, 0, 0)
		l.Looks[0].Firm = firm
		b.contest(first, chairOfShared, l)
		b.calls++
		first.calls[b.calls] = pendingCall{name: "transfer"}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 100_000,
			Entry: ledger.Entry{Kind: ledger.Transfer, Account: ledger.SharedAccount, ToAccount: "a", Amount: 3},
		})
		b.turn(first)
		if _, waits := first.calls[b.calls]; !waits {
			t.Fatal("a transfer out of a frozen account goes on")
		}
		b.contest(first, 2, protocol.Contest{Looks: []protocol.ContestLook{{Account: "a", Chain: 9, Step: 1}}}) // its chair
		if _, waits := first.calls[b.calls]; waits != firm {
			t.Errorf("frozen firmly: %v; the transfer waits: %v", firm, waits)
		}
	}
}

// Where a chain has failed, a branch helps itself for a while.
func TestAChairThatFailsIsNotSummonedAgainAtOnce(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	b.submit(first, ledger.Withdrawal, 100)
	b.turn(first)
	b.transit = nil
	b.contest(first, chairOfShared, protocol.Contest{Ends: []protocol.ContestEnd{{Account: ledger.SharedAccount, Chain: 7, Failed: true}}})
	looks, summons := 0, 0
	for _, m := range b.transit {
		if m.Collect != nil {
			looks++
		}
		if m.Frame != nil && m.Frame.Contest != nil {
			summons += len(m.Frame.Contest.Summons)
		}
	}
	if looks != 2 || summons != 0 {
		t.Errorf("%d looks and %d summons, want a double collect", looks, summons)
	}
}

// A chair that is summoned and does not come is summoned once more, and then the branch
// helps itself.
func TestASilentChairIsGivenUp(t *testing.T) {
	const lookRetry, most = 250, 2
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0)) // so the account is contested
	b.contest(first, chairOfShared, protocol.Contest{Ends: []protocol.ContestEnd{{Account: ledger.SharedAccount, Chain: 7}}})
	b.transit = nil
	b.submit(first, ledger.Withdrawal, 100)
	isSummons := func(m protocol.Message) bool {
		return m.Frame != nil && m.Frame.Contest != nil && len(m.Frame.Contest.Summons) > 0
	}
	for i, want := range []protocol.Millis{0, lookRetry} {
		if _, took := b.when(first, isSummons); took != want {
			t.Errorf("summons %d comes after %d ms, want %d", i+1, took, want)
		}
	}
	m, took := b.when(first, func(m protocol.Message) bool { return isLook(m) || isSummons(m) })
	if !isLook(m) || took != lookRetry {
		t.Errorf("after %d summons, %d ms later: %s, want a look", most, took, messageText(&m))
	}
}
