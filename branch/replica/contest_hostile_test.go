package replica_test

import (
	"fmt"
	"hash/fnv"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// chairOf returns the index of an account's chair.
func chairOf(account string, branches int) int {
	h := fnv.New32a()
	h.Write([]byte(account))
	return int(h.Sum32() % uint32(branches))
}

// namesOf returns accounts that have a chair.
func namesOf(chair, n, count int) (out []string) {
	for i := 0; len(out) < count; i++ {
		if a := fmt.Sprintf("acc%d", i); chairOf(a, n) == chair {
			out = append(out, a)
		}
	}
	return out
}

// A seat that has forgotten its chain answers a repetition of its first look. After that it
// does not know what was paid since the answer that the chair has used.
func TestAnAnswerAfterARepetitionKnowsNoMost(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	a1 := b.answersTo()
	for range 2 {
		b.now += 60_000
		b.turn(first)
	}
	b.submit(first, ledger.Deposit, 50)
	b.turn(first) // moment of look 1: the balance is 80
	b.submit(first, ledger.Withdrawal, 50)
	b.turn(first)
	b.transit = nil
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0)) // repetition
	b.answersTo()
	b.contest(first, chairOfShared, lookOf(7, 2, 0, 0))
	a := b.answersTo()
	if a[0].MostKnown && a[0].Most < a1[0].Paid+50 {
		t.Errorf("most %d known since answer 1, but it was %d", a[0].Most, a1[0].Paid+50)
	}
}

// answerOf is a seat's answer.
func answerOf(account string, chain, step uint64, paid ledger.Amount, waits ...protocol.ContestWait) protocol.Contest {
	return protocol.Contest{Answers: []protocol.ContestAnswer{{Account: account, Chain: chain, Step: step, Paid: paid, Most: paid, MostKnown: true, Waiting: waits}}}
}

// looksIn returns the looks on their way to a branch.
func looksIn(b *bank, to ledger.BranchID) (all []protocol.ContestLook) {
	for _, m := range b.transit {
		if m.To == to && m.Frame != nil && m.Frame.Contest != nil {
			all = append(all, m.Frame.Contest.Looks...)
		}
	}
	return all
}

// A seat that lies does not make the chair say what the other seats must refuse.
func TestALyingSeatFramesNoChair(t *testing.T) {
	for _, kind := range []string{"negative balance", "clock", "overflow"} {
		t.Run(kind, func(t *testing.T) {
			b := quietBank(t, 3, 30)
			b.transit = nil
			chair, second := b.node(3), b.node(2)
			b.contest(chair, 1, protocol.Contest{Summons: []string{ledger.SharedAccount}})
			for step := range 24 {
				looks := looksIn(b, 2)
				ms := b.transit
				b.transit = nil
				for _, m := range ms {
					if m.To == 2 {
						if r := b.refusalsOf(second, m); len(r) > 0 {
							t.Fatalf("step %d: honest branch 2 refuses the honest chair: %+v; looks %+v", step+1, r, looks)
						}
					}
				}
				if len(looks) == 0 {
					b.now += 5
					b.turn(chair)
					continue
				}
				l := looks[len(looks)-1]
				a := answerOf(l.Account, l.Chain, l.Step, 10, protocol.ContestWait{Clock: 1, Amount: 5})
				switch kind {
				case "negative balance":
					a.Answers[0].Paid, a.Answers[0].Most = -1_000_000, -1_000_000
					a.Answers[0].Waiting[0].Amount = 7
				case "clock":
					a.Answers[0].Waiting = []protocol.ContestWait{{Clock: chair.replica.Ledger().Clock() + ledger.MaxClockLead, Amount: 25}}
					if step == 0 { // the chair has seen an entry that branch 2 has not
						b.submit(chair, ledger.Deposit, 1)
						b.turn(chair)
						b.transit = nil
						a.Answers[0].Waiting[0].Clock = chair.replica.Ledger().Clock() + ledger.MaxClockLead
					}
				case "overflow":
					a.Answers[0].Paid, a.Answers[0].Most = 1<<63/3, 1<<63/3
				}
				b.contest(chair, 1, a)
				// branch 2 answers honestly
				b2 := answerOf(l.Account, l.Chain, l.Step, 10)
				if kind == "overflow" {
					b2.Answers[0].Paid, b2.Answers[0].Most = 1<<63/3+1, 1<<63/3+1
				}
				b.contest(chair, 2, b2)
			}
		})
	}
}

// Somebody summons chains and does not answer their looks. The chains of other accounts go
// on.
func TestOneChainHoldsUpNoOther(t *testing.T) {
	b := quietBank(t, 3, 30)
	b.transit = nil
	chair := b.node(3)
	others := namesOf(2, 3, 3)
	answer := func(account string, silent bool) {
		for _, to := range []ledger.BranchID{1, 2} {
			for _, l := range looksIn(b, to) {
				if l.Account == account && (!silent || to != 1) {
					a := answerOf(account, l.Chain, l.Step, 10)
					if to == 2 {
						a.Answers[0].Waiting = []protocol.ContestWait{{Clock: 1, Amount: 100}}
					}
					chair.replica.Receive(protocol.Message{From: to, To: 3, Frame: &protocol.Frame{Contest: &a}})
				}
			}
		}
	}
	b.contest(chair, 1, protocol.Contest{Summons: []string{ledger.SharedAccount}})
	answer(ledger.SharedAccount, false)
	id := uint64(0)
	steps := 0
	for ms := range 20_000 {
		b.now++
		b.transit = nil
		if ms%100 == 0 { // a hostile branch 1 summons another account now and then, and doesn't answer
			c := protocol.Contest{Summons: []string{others[ms/100%3]}}
			chair.replica.Receive(protocol.Message{From: 1, To: 3, Frame: &protocol.Frame{Contest: &c}})
		}
		if ms == 50 {
			id = b.submit(chair, ledger.Withdrawal, 1) // the chair has 10
		}
		b.turn(chair)
		answer(ledger.SharedAccount, false)
		for _, o := range others {
			answer(o, true)
		}
		if len(looksIn(b, 2)) > 0 {
			for _, l := range looksIn(b, 2) {
				if l.Account == ledger.SharedAccount {
					steps++
				}
			}
		}
		if _, waits := chair.calls[id]; id != 0 && !waits {
			return
		}
	}
	t.Errorf("the chair's own withdrawal of 1, of 10 that it holds, has not been decided in 20 s; %d looks at its account", steps)
}

// A chair of two accounts, or somebody in its name, freezes them firmly in turn. A transfer
// between them goes on all the same.
func TestFirmFreezesInTurnStopNoTransfer(t *testing.T) {
	b := quietBank(t, 3, 30)
	first := b.nodes[0]
	other := namesOf(2, 3, 1)[0]
	b.transit = nil
	b.calls++
	var id uint64
	steps := map[string]uint64{}
	for ms := range 30_000 {
		b.now++
		name := ledger.SharedAccount
		if ms/9%2 == 1 {
			name = other
		}
		if ms%9 == 0 {
			steps[name]++
			c := protocol.Contest{Looks: []protocol.ContestLook{{Account: name, Chain: 7 + uint64(ms/9%2), Step: steps[name], Freeze: true, Firm: true}}}
			first.replica.Receive(protocol.Message{From: 3, To: 1, Frame: &protocol.Frame{Contest: &c}})
		}
		if ms == 100 {
			id = b.calls + 1
			b.calls++
			first.calls[id] = pendingCall{name: "transfer"}
			first.replica.Submit(protocol.Operation{ID: id, Acknowledge: protocol.Local, Deadline: b.now + 100_000,
				Entry: ledger.Entry{Kind: ledger.Transfer, Account: ledger.SharedAccount, ToAccount: other, Amount: 1}})
		}
		b.turn(first)
		b.transit = nil
		if _, waits := first.calls[id]; id != 0 && !waits {
			return
		}
	}
	t.Errorf("a transfer of 1, of 10 that are here, has waited for 29.9 s; freezes accounted until %d", first.replica.FrozenUntil())
}

// What an older list has here is not given to a younger withdrawal elsewhere.
func TestNothingIsTakenFromAnOlderList(t *testing.T) {
	b, first := contestSeat(t)
	b.contest(first, chairOfShared, lookOf(7, 1, 0, 0))
	b.calls++
	id := b.calls
	first.calls[id] = pendingCall{name: "bulk"}
	first.replica.Submit(protocol.Operation{ID: id, Acknowledge: protocol.Local, Deadline: b.now + 100_000,
		Entry: ledger.Entry{Kind: ledger.Bulk, Operations: &ledger.Operations{Accounts: []string{ledger.SharedAccount}, From: []uint32{1}, To: []uint32{0}, Amounts: []ledger.Amount{12}, AllOrNone: true}}})
	b.turn(first)
	l := lookOf(7, 2, 0, 0)
	l.Looks[0].Want, l.Looks[0].Oldest = 10, protocol.Ticket{Clock: 1000, Branch: 2} // younger than the bulk
	b.contest(first, chairOfShared, l)
	if got := first.replica.Ledger().Escrow(ledger.SharedAccount, 0); got < 10 {
		t.Errorf("of the 10 that an older list has here, %d are left", got)
	}
}

// Looks for nobody's sake stop no write: what is covered goes on, and what is not helps
// itself after a while.
func TestLooksForNobodyStopNoWrite(t *testing.T) {
	for name, l := range map[string]protocol.ContestLook{
		"want, oldest is here":         {Want: 1, Oldest: protocol.Ticket{Clock: 0, Branch: 1}},
		"no want, nothing ever proven": {},
	} {
		t.Run(name, func(t *testing.T) {
			b, first := contestSeat(t)
			var covered, lacking uint64
			for ms := range 30_000 {
				b.now++
				if ms%400 == 0 {
					l := l
					l.Account, l.Chain, l.Step = ledger.SharedAccount, 7, uint64(ms/400+1)
					c := protocol.Contest{Looks: []protocol.ContestLook{l}}
					first.replica.Receive(protocol.Message{From: 3, To: 1, Frame: &protocol.Frame{Contest: &c}})
				}
				if ms == 100 {
					covered = b.submit(first, ledger.Withdrawal, 1)
				}
				if ms == 200 {
					lacking = b.submit(first, ledger.Withdrawal, 15)
				}
				b.turn(first)
				for _, m := range b.transit {
					if m.Claim != nil {
						return
					}
				}
				b.transit = nil
			}
			if _, waits := first.calls[covered]; waits {
				t.Errorf("a withdrawal of 1, of 10 that are here, has waited for 29.9 s")
			}
			if _, waits := first.calls[lacking]; waits {
				t.Errorf("a withdrawal of 15, of 30, has waited for 29.8 s and claims nothing")
			}
		})
	}
}

// takeFrom removes and returns what is on its way between two branches.
func (b *bank) takeFrom(from, to ledger.BranchID) (out []protocol.Message) {
	var rest []protocol.Message
	for _, m := range b.transit {
		if m.From == from && m.To == to {
			out = append(out, m)
		} else {
			rest = append(rest, m)
		}
	}
	b.transit = rest
	return out
}

// pump delivers what is on its way between two branches.
func (b *bank) pump(from, to ledger.BranchID) {
	for _, m := range b.takeFrom(from, to) {
		b.receive(m)
	}
}

// A repeated look, and a clock that jumps so that a seat forgets its chain. Nobody is refused
// what there was at every moment of the call.
func TestNothingIsRefusedByARepeatedLook(t *testing.T) {
	b := quietBank(t, 3, 30)
	b.transit = nil
	one, two, chair := b.node(1), b.node(2), b.node(3)
	b.contest(chair, 2, protocol.Contest{Summons: []string{ledger.SharedAccount}})
	looks := b.takeFrom(3, 1)
	repeated := append([]protocol.Message(nil), looks...) // sent again, and late
	for _, m := range looks {
		b.receive(m)
	}
	b.takeFrom(1, 2)
	toChair := b.takeFrom(1, 3) // answer 1 of branch 1: paid 10
	b.submit(one, ledger.Deposit, 50)
	b.turn(one)
	toChair2 := b.takeFrom(1, 3)
	b.pump(1, 2)
	// now 80. The withdrawal begins, and takes part in look 1 at branch 2.
	early := b.takeFrom(3, 2)
	for _, m := range early {
		two.replica.Receive(m)
	}
	w := b.submit(two, ledger.Withdrawal, 75)
	b.turn(two)
	for _, m := range toChair {
		b.receive(m)
	}
	b.pump(2, 3) // moment 1: the balance is 80
	_ = toChair2
	for range 40 {
		b.now++
		b.turn(chair)
	}
	look2 := b.takeFrom(3, 1)
	b.pump(3, 2)                      // look 2 at branch 2
	b.submit(two, ledger.Deposit, 50) // 130; it goes on at once or at the next look
	b.turn(two)
	balance := func() (sum ledger.Amount) {
		for _, n := range b.nodes {
			sum += n.replica.Ledger().Paid(ledger.SharedAccount, int(n.id)-1)
		}
		return sum
	}
	// the clock of branch 1 jumps twice: it leaves, and forgets
	for i := range 2 {
		one.replica.Tick(b.now + protocol.Millis(5000*(i+1)))
		r := one.replica.Ready()
		if r.Commit != nil {
			one.disk.Commit(r.Commit)
		}
		one.replica.Advance()
	}
	b.submit(one, ledger.Withdrawal, 50)
	b.turn(one)
	least := balance()
	for _, m := range repeated {
		b.receive(m)
	}
	for _, m := range look2 {
		b.receive(m)
	}
	b.transit = append(toChair2, b.transit...)
	for range 60 {
		for len(b.transit) > 0 {
			m := b.transit[0]
			b.transit = b.transit[1:]
			b.receive(m)
			least = min(least, balance())
		}
		if _, waits := two.calls[w]; !waits {
			break
		}
		b.now++
		for _, n := range b.nodes {
			b.turn(n)
		}
		least = min(least, balance())
	}
	if _, waits := two.calls[w]; !waits && least >= 75 {
		t.Errorf("75 refused, though the balance was never below %d during the call", least)
	}
}
