package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// look has a branch asked for one look by its peer, and returns the answer.
func (b *bank) look(n *node, from ledger.BranchID, account string, number uint64) *protocol.CollectAnswer {
	b.t.Helper()
	n.replica.Receive(protocol.Message{From: from, To: n.id, Collect: &protocol.Collect{ID: 1, Account: account, Collect: 1, Look: number}})
	for _, m := range n.replica.Ready().Messages {
		if m.CollectAnswer != nil {
			n.replica.Advance()
			return m.CollectAnswer
		}
	}
	b.t.Fatalf("branch %d does not answer", n.id)
	return nil
}

// A peer that looks at ever new accounts is answered, also over the bound; but
// nothing is remembered for it, and it is told so. With time, places get free.
func TestWatchesAreBounded(t *testing.T) {
	const bound = 4096
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	for i := range bound + 1 {
		b.look(first, 2, fmt.Sprint("account ", i), 1)
	}
	if !b.look(first, 2, fmt.Sprint("account ", bound-1), 2).MostKnown {
		t.Error("the last account within the bound is not tallied")
	}
	over := fmt.Sprint("account ", bound)
	if b.look(first, 2, over, 2).MostKnown {
		t.Error("an account over the bound is tallied")
	}
	first.replica.Tick(b.now + 1_000_000)
	first.replica.Ready()
	first.replica.Advance()
	b.look(first, 2, over, 1)
	if !b.look(first, 2, over, 2).MostKnown {
		t.Error("no place got free")
	}
}

// Retries that wait with their first attempt are bounded.
func TestRetriesOfOneRequestAreBounded(t *testing.T) {
	const bound, retries = 64, 70
	b := quietBank(t, 2, 10)
	first := b.nodes[0]
	for range 1 + retries {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Submit(protocol.Operation{
			ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
			Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 9, RequestID: "x"},
		})
	}
	b.turn(first)
	if got, want := strings.Count(b.out.String(), protocol.ErrQueueFull.Error()), retries-bound; got != want {
		t.Errorf("%d retries were refused for the bound, want %d", got, want)
	}
	b.stabilize()
	if got := strings.Count(b.out.String(), "success"); got != 1+bound {
		t.Errorf("%d calls succeeded, want the first and its %d retries", got, bound)
	}
}

// Calls that wait for one double collect are bounded.
func TestCallsOfOneCollectAreBounded(t *testing.T) {
	const bound, calls = 8192, 8200
	b := quietBank(t, 2, 10)
	first := b.nodes[0]
	for range calls {
		b.calls++
		first.calls[b.calls] = pendingCall{}
		first.replica.Ask(protocol.Query{ID: b.calls, Account: ledger.SharedAccount, Strong: true, Deadline: b.now + 1000})
	}
	b.turn(first)
	if got, want := strings.Count(b.out.String(), protocol.ErrQueueFull.Error()), calls-bound; got != want {
		t.Errorf("%d calls were refused for the bound, want %d", got, want)
	}
	b.stabilize()
	if len(first.calls) > 0 {
		t.Errorf("%d calls are not answered", len(first.calls))
	}
}

// sent adds up the batches that a branch sends to a peer in one turn.
func (b *bank) sent(n *node, to ledger.BranchID) (batches, bytes int) {
	b.t.Helper()
	b.transit = nil
	b.turn(n)
	for _, m := range b.transit {
		if m.To != to || m.Frame == nil {
			continue
		}
		for _, s := range m.Frame.Batches {
			batches++
			bytes += len(s.Bytes)
		}
	}
	return batches, bytes
}

// record has a branch record deposits, in batches of so many.
func (b *bank) record(n *node, batches, entries int) {
	for range batches {
		for range entries {
			b.calls++
			n.calls[b.calls] = pendingCall{}
			n.replica.Submit(protocol.Operation{
				ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
				Entry: ledger.Entry{Kind: ledger.Deposit, Account: ledger.SharedAccount, Amount: 1, RequestID: fmt.Sprintf("%0100d", b.calls)},
			})
		}
		b.turn(n)
	}
}

// A peer that acks nothing is sent own batches up to a number and up to a
// size; the last one may be over it.
func TestTheWindowToAPeerIsBounded(t *testing.T) {
	const maxBatches, maxBytes = 4096, 1 << 20
	tests := map[string]struct {
		batches, entries int
		reached          func(batches, bytes, last int) bool
	}{
		"number": {maxBatches + 100, 1, func(batches, _, _ int) bool { return batches == maxBatches }},
		"bytes":  {50, 1000, func(_, bytes, last int) bool { return bytes >= maxBytes && bytes-last < maxBytes }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 2, 0)
			first := b.nodes[0]
			b.record(first, test.batches, test.entries)
			batches, bytes, last := 0, 0, 0
			for _, m := range b.transit {
				for _, s := range m.Frame.Batches {
					batches++
					bytes += len(s.Bytes)
					last = len(s.Bytes)
				}
			}
			if !test.reached(batches, bytes, last) {
				t.Errorf("%d batches of %d bytes are on their way", batches, bytes)
			}
			b.stabilize()
			if got, want := b.nodes[1].replica.Ledger().Head(0).Sequence, uint64(test.batches*test.entries); got != want {
				t.Errorf("%d entries have arrived, want %d", got, want)
			}
		})
	}
}

// What a branch records at once becomes batches of half of what a batch may
// have at most.
func TestOwnBatchesAreBounded(t *testing.T) {
	const deposits = 10_000
	b := quietBank(t, 2, 0)
	b.record(b.nodes[0], 1, deposits)
	var got []int
	for _, s := range b.nodes[0].disk.Journal(0) {
		got = append(got, len(s.Batch.Entries))
	}
	if want := []int{4096, 4096, deposits - 2*4096}; !slices.Equal(got, want) {
		t.Errorf("batches of %d entries, want %d", got, want)
	}
}

// A branch keeps its last batches in memory, up to a size.
func TestOwnBatchesInMemoryAreBounded(t *testing.T) {
	const maxBytes = 512 << 10
	b := quietBank(t, 2, 0)
	b.cut(b.nodes[0], b.nodes[1])
	most := 0
	for range 30 {
		b.record(b.nodes[0], 1, 1000)
		most = max(most, b.nodes[0].replica.RecentBytes())
	}
	if most > maxBytes || most < maxBytes/2 {
		t.Errorf("%d bytes are kept, want %d at most", most, maxBytes)
	}
}

// However much a peer asks for at once, it is sent so much; the last batch may
// be over it. One that asks for more journals than there are gets none.
func TestWhatAPeerFetchesAtOnceIsBounded(t *testing.T) {
	const maxBytes = 1 << 20
	b := quietBank(t, 3, 0)
	first := b.nodes[0]
	journal := b.depositBatches(2, 40, 1000)
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: journal}})
	b.turn(first)
	wants := []ledger.Position{{Branch: 2}, {Branch: 2}, {Branch: 2}, {Branch: 2}}
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Wants: wants}})
	if batches, _ := b.sent(first, 2); batches > 0 {
		t.Errorf("%d batches for %d wants in a bank of 3", batches, len(wants))
	}
	first.replica.Receive(protocol.Message{From: 3, To: 1, Frame: &protocol.Frame{Wants: wants[:3]}})
	batches, bytes := b.sent(first, 3)
	if last := len(journal[0].Bytes); bytes < maxBytes || bytes-2*last > maxBytes {
		t.Errorf("%d batches of %d bytes, want about %d bytes", batches, bytes, maxBytes)
	}
	if batches, _ := b.sent(first, 3); batches > 0 {
		t.Errorf("%d more come by themselves", batches)
	}
}

// A branch to which everything happens twice tells so up to a bound, goes on,
// keeps what it told first, and says how many there was no room for.
func TestAlarmsAreBounded(t *testing.T) {
	const bound, twice = 64, 100
	b := quietBank(t, 3, 0)
	first := b.nodes[0]
	for _, from := range []ledger.BranchID{2, 3} { // with the same request ids
		first.replica.Receive(protocol.Message{From: from, To: 1, Frame: &protocol.Frame{Batches: b.depositBatches(from, 1, twice)}})
	}
	b.turn(first)
	s := first.replica.Status()
	if want := "and 2 more alarms, which ListAlarms lists"; len(s.Alarms) != bound || s.Alarms[bound-1] != want {
		t.Errorf("%d alarms, want %d of which the last says %q: %q", len(s.Alarms), bound, want, s.Alarms)
	}
	alarms := first.replica.Alarms()
	for i, a := range alarms {
		id := a.ID
		if i == bound {
			if !strings.Contains(a.Text, "36 more entries") || a.Double.More != twice-bound {
				t.Errorf("the alarm about those without room: %+v", a)
			}
		} else if want := fmt.Sprintf(`by branch 2 as entry %d (a deposit of 1 to "shared"), by branch 3 as entry %d (`, i+1, i+1); !strings.Contains(a.Text, want) {
			t.Errorf("alarm %d is %q, want one that says %q", i+1, a.Text, want)
		}
		if !protocol.IsAlarmID(id) {
			t.Errorf("%q is no id of an alarm", id)
		}
	}
	if n := len(first.disk.Doubles()); len(alarms) != bound+1 || n != 0 { // not synced yet
		t.Errorf("%d alarms, of which %d are synced", len(alarms), n)
	}
	for _, a := range alarms {
		if resolved, err := first.replica.ResolveAlarm(a.ID); !resolved || err != nil {
			t.Errorf("resolve %s: %v, %v", a.ID, resolved, err)
		}
	}
	b.turn(first)
	if n := len(first.replica.Alarms()) + len(first.disk.Doubles()); n != 0 {
		t.Errorf("%d alarms after all are resolved", n)
	}
	if got := s.Applied[2].Sequence; got != twice {
		t.Errorf("%d entries are applied, want %d", got, twice)
	}
}

// claimTwice has a peer claim an account of a branch twice, so that its spending
// is followed.
func (b *bank) claimTwice(n *node, account string) {
	for range 2 {
		b.calls++
		n.replica.Receive(protocol.Message{From: 2, To: n.id, Claim: &protocol.Claim{
			ID: b.calls, Account: account, Amount: 1, Ticket: protocol.Ticket{Clock: b.calls, Branch: 2},
		}})
		b.turn(n)
	}
}

// shared reports whether a branch grants a peer of what is paid in.
func (b *bank) shared(n *node, account string) bool {
	b.quiet = false
	b.out.Reset()
	b.calls++
	n.calls[b.calls] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + 1000,
		Entry: ledger.Entry{Kind: ledger.Deposit, Account: account, Amount: 100},
	})
	b.turn(n)
	return strings.Contains(b.out.String(), "grant ")
}

// A peer that claims ever new accounts is answered, also over the bound; but
// nothing is remembered for it. With time, places get free.
func TestDemandsAreBounded(t *testing.T) {
	const bound, window = 16384, 250
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	for i := range bound + 1 {
		b.claimTwice(first, fmt.Sprint("account ", i))
	}
	last, over := fmt.Sprint("account ", bound-1), fmt.Sprint("account ", bound)
	if !b.shared(first, last) {
		t.Error("the last account within the bound is not followed")
	}
	if b.shared(first, over) {
		t.Error("an account over the bound is followed")
	}
	b.tick(2 * window)
	b.claimTwice(first, over)
	if !b.shared(first, over) {
		t.Error("no place got free")
	}
	if b.shared(first, last) {
		t.Error("an account of which nothing was spent for long is followed")
	}
}
