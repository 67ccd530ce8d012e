package replica_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Peers, or who speaks in their names, ask for looks that freeze without end, of one
// account or of many. In any second the writes of a branch stand still for a quarter of
// it at most, and in the rest they go on.
func TestWritesStandStillForAQuarterOfASecond(t *testing.T) {
	const most, seconds = 250, 5
	for _, accounts := range []int{1, 3, 100} {
		t.Run(fmt.Sprint(accounts, " accounts"), func(t *testing.T) {
			b := quietBank(t, 4, 0)
			first := b.nodes[0]
			rng := rand.New(rand.NewPCG(1, uint64(accounts)))
			var stood []bool // by millisecond
			for range seconds * 1000 {
				b.now++
				first.replica.Tick(b.now)
				for range 1 + rng.IntN(4) {
					b.calls++
					first.replica.Receive(protocol.Message{From: ledger.BranchID(2 + rng.IntN(3)), To: 1, Collect: &protocol.Collect{
						ID: b.calls, Account: fmt.Sprint("account ", rng.IntN(accounts)), Collect: rng.Uint64N(3), Look: rng.Uint64N(4), Freeze: rng.IntN(4) > 0,
					}})
				}
				for i := range accounts {
					b.calls++
					first.calls[b.calls] = pendingCall{}
					first.replica.Submit(protocol.Operation{
						ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 10_000,
						Entry: ledger.Entry{Kind: ledger.Deposit, Account: fmt.Sprint("account ", i), Amount: 1},
					})
				}
				b.turn(first)
				b.transit = nil
				stood = append(stood, len(first.calls) > 0)
			}
			worst := worstSecond(stood)
			if worst > most || worst < most/2 {
				t.Errorf("writes stood still for %d ms of a second, want %d at most, and some all the same", worst, most)
			}
		})
	}
}

// worstSecond returns for how many milliseconds of any second something was so, which is
// given for each millisecond.
func worstSecond(was []bool) (worst int) {
	sum := 0
	for i, so := range was {
		if so {
			sum++
		}
		if i >= 1000 && was[i-1000] {
			sum--
		}
		worst = max(worst, sum)
	}
	return worst
}
