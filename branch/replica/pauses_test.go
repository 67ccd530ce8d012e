package replica_test

import (
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// when lets time go on by single milliseconds until a branch sends a message
// that counts, and returns it and how long that took. The rest is lost.
func (b *bank) when(n *node, counts func(protocol.Message) bool) (m protocol.Message, took protocol.Millis) {
	b.t.Helper()
	began := b.now
	for range 10_000 {
		b.transit = nil
		b.turn(n)
		if i := slices.IndexFunc(b.transit, counts); i >= 0 {
			return b.transit[i], b.now - began
		}
		b.now++
	}
	b.t.Fatal("no such message comes")
	return m, 0
}

func isClaim(m protocol.Message) bool { return m.Claim != nil }

func isLook(m protocol.Message) bool { return m.Collect != nil }

// begin has a branch pay 80 of 100, of which it holds half.
func (b *bank) begin(n *node, deadline protocol.Millis) {
	b.calls++
	n.calls[b.calls] = pendingCall{}
	n.replica.Submit(protocol.Operation{
		ID: b.calls, Acknowledge: protocol.Local, Deadline: b.now + deadline,
		Entry: ledger.Entry{Kind: ledger.Withdrawal, Account: ledger.SharedAccount, Amount: 80},
	})
}

// What a batch that comes early depends on is asked for after gapDelay, also
// when its writer could send it: and again from another peer, fetchRetry later.
func TestWhatAnEarlyBatchLacksIsFetchedInTime(t *testing.T) {
	const gapDelay, fetchRetry = 50, 500
	b := quietBank(t, 3, 0)
	first := b.nodes[0]
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Batches: b.depositBatches(2, 2, 1)[1:]}})
	wants := func(m protocol.Message) bool { return m.Frame != nil && len(m.Frame.Wants) > 0 }
	if _, took := b.when(first, wants); took != gapDelay {
		t.Errorf("asked for after %d ms, want %d", took, gapDelay)
	}
	if _, took := b.when(first, wants); took != fetchRetry {
		t.Errorf("asked for again after %d ms, want %d", took, fetchRetry)
	}
}

// Claims that bring nothing come at growing pauses, up to a bound.
func TestThePausesBetweenClaimsAreBounded(t *testing.T) {
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	b.begin(first, 100_000)
	for i, want := range []protocol.Millis{0, 2, 4, 8, 16, 32, 64, 64, 64} {
		m, took := b.when(first, isClaim)
		if took != want {
			t.Errorf("claim %d comes after %d ms, want %d", i+1, took, want)
		}
		first.replica.Receive(protocol.Message{From: 2, To: 1, ClaimAnswer: &protocol.ClaimAnswer{ID: m.Claim.ID, Escrow: 50}})
	}
}

// A look that gets no answer is asked for again.
func TestALookWithoutAnswerIsAskedForAgain(t *testing.T) {
	const lookRetry = 250
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	b.calls++
	first.calls[b.calls] = pendingCall{}
	first.replica.Ask(protocol.Query{ID: b.calls, Account: ledger.SharedAccount, Strong: true, Deadline: b.now + 100_000})
	for i, want := range []protocol.Millis{0, lookRetry} {
		if _, took := b.when(first, isLook); took != want {
			t.Errorf("look %d comes after %d ms, want %d", i+1, took, want)
		}
	}
}

// A claim or a look to a peer that is linked and says nothing is given up after
// three peer time-outs, also when the customer would wait longer.
func TestASilentPeerIsGivenUpInTime(t *testing.T) {
	const patience = 3 * 1000
	tests := map[string]func(*bank, *node){
		"claim": func(b *bank, n *node) { b.begin(n, 100_000) },
		"look": func(b *bank, n *node) {
			b.calls++
			n.calls[b.calls] = pendingCall{}
			n.replica.Ask(protocol.Query{ID: b.calls, Account: ledger.SharedAccount, Strong: true, Deadline: b.now + 100_000})
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 2, 100)
			first := b.nodes[0]
			call(b, first)
			b.turn(first)
			b.tick(patience - 1)
			if len(first.calls) == 0 {
				t.Fatalf("given up before its time: %s", b.out)
			}
			b.now++
			b.turn(first)
			if len(first.calls) > 0 || !strings.Contains(b.out.String(), "can't be reached") {
				t.Errorf("%d calls wait: %s", len(first.calls), b.out)
			}
		})
	}
}

// A peer that was given up is not called again until something comes from it, and told
// hello once in each peer time-out: no call waits to find out what is known.
func TestASuspectedPeerIsProbedAndNotCalled(t *testing.T) {
	const patience, timeout, seconds = 3 * 1000, 1000, 10
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	b.begin(first, 100_000)
	b.turn(first)
	b.now += patience
	b.turn(first)
	if len(first.calls) > 0 {
		t.Fatal("a silent peer is not given up")
	}
	b.transit = nil
	hellos := 0
	for range seconds * timeout {
		b.now++
		b.begin(first, 100_000)
		b.turn(first)
		for _, m := range b.transit {
			if isClaim(m) {
				t.Fatal("a peer from which nothing has come is claimed from")
			}
			if m.Frame != nil && m.Frame.Hello != nil {
				hellos++
			}
		}
		b.transit = nil
		if len(first.calls) > 0 {
			t.Fatal("a call waits for a peer that is known to be silent")
		}
	}
	if hellos != seconds {
		t.Errorf("told hello %d times in %d peer time-outs", hellos, seconds)
	}
	first.replica.Receive(protocol.Message{From: 2, To: 1, Frame: &protocol.Frame{Sync: true}})
	b.begin(first, 100_000)
	b.turn(first)
	if !slices.ContainsFunc(b.transit, isClaim) {
		t.Error("a peer that has spoken is not claimed from")
	}
}

// A peer to which the road is cut, without a word, is claimed from for a peer time-out and
// not for the three that a busy one may take; and not again while nothing comes from it.
func TestASilentPeerIsNotClaimedFromForLong(t *testing.T) {
	const timeout = 1000
	b := quietBank(t, 2, 100)
	first := b.nodes[0]
	b.record(first, 1, 1) // which is not acked
	b.begin(first, 60_000)
	if _, took := b.when(first, isClaim); took != 0 {
		t.Fatalf("it claims after %d ms", took)
	}
	answered := func() bool { return strings.Contains(b.out.String(), "can't be reached") }
	b.pass(timeout-10, 10)
	if answered() {
		t.Fatal("it gives up before a peer time-out")
	}
	b.pass(50, 10)
	if !answered() {
		t.Fatalf("it still waits after a peer time-out:\n%s", b.out)
	}
	b.out.Reset()
	b.begin(first, 60_000)
	b.turn(first)
	if !answered() || slices.ContainsFunc(b.transit, isClaim) {
		t.Errorf("it claims again:\n%s", b.out)
	}
}
