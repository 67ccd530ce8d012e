package replica_test

import (
	"fmt"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// ask submits a deposit at a branch, and returns what is said when all has come to
// rest.
func (b *bank) ask(n *node, amount ledger.Amount, level protocol.Level) string {
	b.out.Reset()
	b.calls++
	n.calls[b.calls] = pendingCall{name: fmt.Sprintf("deposit %d", amount)}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: level, Deadline: b.now + 500,
		Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: amount},
	})
	b.turn(n)
	b.stabilize()
	for len(n.calls) > 0 {
		b.tick(100)
		b.stabilize()
	}
	return b.out.String()
}

// An old copy that is recognised never forks the journal, whoever of its peers is
// behind when it was made to look new, and whoever is away when it starts.
func TestAnOldCopyWaitsForEveryBranch(t *testing.T) {
	const n = 4
	for behind := 1; behind < n; behind++ {
		for away := 1; away < n; away++ {
			t.Run(fmt.Sprintf("branch %d behind, branch %d away", behind+1, away+1), func(t *testing.T) {
				b := quietBank(t, n, 0)
				first := b.nodes[0]
				b.ask(first, 10, protocol.All)
				backup := first.disk.Copy()
				backup.Crash(backup.Unsynced())
				b.cut(first, b.nodes[behind])
				b.ask(first, 20, protocol.Majority)
				b.crash(first)
				b.crash(b.nodes[away])
				first.disk = backup
				first.disk.Copied = true
				delete(b.severed, pair(first, b.nodes[behind]))
				b.restart(first, false)
				b.stabilize()
				b.tick(3000)
				if said := b.ask(first, 7, protocol.Local); !strings.Contains(said, "unavailable") || !strings.Contains(said, fmt.Sprintf("waits for branch %d\n", away+1)) {
					t.Errorf("with branch %d away it says %q", away+1, said)
				}
				b.restart(b.nodes[away], false)
				b.stabilize()
				b.tick(1000)
				b.stabilize()
				if said := b.ask(first, 7, protocol.All); !strings.Contains(said, "success, entry 1/3, balance 37") {
					t.Errorf("when all are there it says %q", said)
				}
				for _, node := range b.nodes {
					if s := node.replica.Status(); s.State != protocol.Serving || len(s.Alarms) > 0 || s.Applied[0].Hash != first.replica.Status().Applied[0].Hash {
						t.Errorf("branch %d: %+v", node.id, s)
					}
				}
			})
		}
	}
}

// A branch on the directory of another bank serves nobody, whoever of the others is
// away, and the others go on.
func TestABranchOfAnotherBankServesNobody(t *testing.T) {
	const n = 4
	for away := 0; away < 1<<(n-1)-1; away++ { // one answers at least
		b := quietBank(t, n, 0)
		first := b.nodes[0]
		b.ask(b.nodes[1], 10, protocol.All)
		b.crash(first)
		first.disk.Wipe()
		other := ledger.Bank{Name: first.disk.Bank().Name, ID: ledger.BankID{7}, Founded: true}
		first.disk.Commit(&ledger.Commit{Bank: &other, Settled: true, Sync: true})
		var there []*node
		for i := 1; i < n; i++ {
			if away>>(i-1)&1 == 1 {
				b.crash(b.nodes[i])
			} else {
				there = append(there, b.nodes[i])
			}
		}
		b.restart(first, false)
		b.stabilize()
		b.tick(5000)
		if said := b.ask(first, 7, protocol.Local); !strings.Contains(said, "unavailable") || !strings.Contains(said, "another bank") {
			t.Errorf("with %d others there it says %q", len(there), said)
		}
		for _, node := range there {
			if said := b.ask(node, 1, protocol.Local); !strings.Contains(said, "success") {
				t.Errorf("branch %d says %q", node.id, said)
			}
			if s := node.replica.Status(); s.State != protocol.Serving || len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0], "branch 1 belongs to bank") {
				t.Errorf("branch %d: %+v", node.id, s)
			}
		}
	}
}

// One hello of another bank in the name of a branch that is away keeps nobody from
// serving for good.
func TestAStrangerThatSaysNoMoreIsForgotten(t *testing.T) {
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	b.ask(first, 10, protocol.All)
	hello := *b.hellos[[2]ledger.BranchID{2, 1}]
	hello.Identity.ID, hello.Identity.Founded = ledger.BankID{7}, true
	b.crash(b.nodes[1])
	b.crash(first)
	b.restart(first, false)
	if err := first.replica.Meet(2, &hello); err == nil {
		t.Fatal("a branch of another bank gets a link")
	}
	b.tick(5000)
	if said := b.ask(first, 7, protocol.Local); !strings.Contains(said, "another bank") {
		t.Errorf("at first it says %q", said)
	}
	for began := b.now; b.now < began+60_000; {
		at, ok := first.replica.NextTick()
		if !ok {
			t.Fatal("it does not wait for anything")
		}
		b.tick(max(at-b.now, 1))
	}
	if said := b.ask(first, 7, protocol.Local); !strings.Contains(said, "success") {
		t.Errorf("at last it says %q", said)
	}
}

// Nothing is taken of a frame that begins with the hello of another bank, on a link
// that was one of this bank either.
func TestNothingIsTakenFromAStranger(t *testing.T) {
	b := quietBank(t, 2, 0)
	hello := *b.hellos[[2]ledger.BranchID{2, 1}]
	hello.Identity.ID, hello.Identity.Founded = ledger.BankID{7}, true
	first := b.nodes[0]
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Hello: &hello, Batches: b.depositBatches(2, 1, 1)}})
	if got := first.replica.Status().Applied[1].Sequence; got != 0 {
		t.Errorf("branch 1 has %d entries of a frame from another bank", got)
	}
}
