package replica_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// refusalsOf gives a branch a message and returns what it refuses.
func (b *bank) refusalsOf(n *node, m protocol.Message) []protocol.Refusal {
	b.t.Helper()
	m.To = n.id
	n.replica.Receive(m)
	ready := n.replica.Ready()
	if ready.Commit != nil {
		n.disk.Commit(ready.Commit)
	}
	n.replica.Advance()
	return ready.Refusals
}

// Whoever lies in many names and ways fills no more than its part of the alarms.
func TestAlarmsAboutRefusalsAreBounded(t *testing.T) {
	const branches, bound = 60, 24
	b := quietBank(t, branches, 0)
	first := b.nodes[0]
	told := 0
	for i := range branches - 1 {
		from := ledger.BranchID(i + 2)
		for range 3 {
			told += len(b.refusalsOf(first, protocol.Message{From: from, Claim: &protocol.Claim{Account: "a", Amount: 1, Ticket: protocol.Ticket{Clock: 1 << 62, Branch: from}}}))
		}
	}
	if told != branches-1 {
		t.Errorf("%d refusals are told, want one for each peer", told)
	}
	status := first.replica.Status()
	if len(status.Alarms) != bound {
		t.Errorf("%d alarms, want %d", len(status.Alarms), bound)
	}
	if i := slices.IndexFunc(status.Peers, func(p protocol.PeerStatus) bool { return p.Refused != 3 }); i >= 0 {
		t.Errorf("%+v, want 3 messages refused", status.Peers[i])
	}
}

// A look has a number from 1 up to a bound.
func TestALookHasABound(t *testing.T) {
	b := quietBank(t, 2, 0)
	first := b.nodes[0]
	for _, test := range []struct {
		look    uint64
		refused bool
	}{{0, true}, {1, false}, {1 << 32, false}, {1<<32 + 1, true}, {1<<64 - 1, true}} {
		first.replica.Receive(protocol.Message{From: 2, To: 1, Collect: &protocol.Collect{ID: 1, Account: "a", Collect: 1, Look: test.look}})
		ready := first.replica.Ready()
		first.replica.Advance()
		if a := ready.Messages[0].CollectAnswer; (a.Refused != "") != test.refused || a.Failed != test.refused {
			t.Errorf("look %d: %+v, want refused: %t", test.look, a, test.refused)
		}
	}
}

// What a frame may not say ends its link, and changes nothing.
func TestFramesThatAreRefused(t *testing.T) {
	at := func(branch ledger.BranchID, sequence uint64) ledger.MarkedPosition {
		return ledger.MarkedPosition{Position: ledger.Position{Branch: branch, Sequence: sequence}}
	}
	hello := func(change func(*protocol.Hello)) func(*node) *protocol.Frame {
		return func(n *node) *protocol.Frame {
			h := n.replica.Introduction(1)
			h.Branch, h.Epoch = 2, 1
			change(h)
			return &protocol.Frame{Hello: h}
		}
	}
	frame := func(f protocol.Frame) func(*node) *protocol.Frame { return func(*node) *protocol.Frame { return &f } }
	deposits := func(change func(*ledger.Batch)) func(*node) *protocol.Frame {
		return func(n *node) *protocol.Frame {
			batch := depositBatches(n.genesis(), 2, 1, 1)[0].Batch
			change(batch)
			return &protocol.Frame{Batches: []*ledger.Sealed{ledger.NewSealed(batch)}}
		}
	}
	for name, test := range map[string]struct {
		frame func(*node) *protocol.Frame
		want  protocol.Lie
	}{
		"a hello in another's name":    {hello(func(h *protocol.Hello) { h.Branch = 3 }), protocol.BadForm},
		"a hello to another":           {hello(func(h *protocol.Hello) { h.To = 3 }), protocol.BadForm},
		"an epoch too far ahead":       {hello(func(h *protocol.Hello) { h.Epoch = 1<<32 + 1 }), protocol.BadEpoch},
		"the largest epoch":            {hello(func(h *protocol.Hello) { h.Epoch = 1<<64 - 1 }), protocol.BadEpoch},
		"a position of no branch":      {hello(func(h *protocol.Hello) { h.Applied = append(h.Applied, at(9, 1)) }), protocol.BadForm},
		"a position over the bound":    {hello(func(h *protocol.Hello) { h.Applied = append(h.Applied, at(2, 1<<62+1)) }), protocol.BadPosition},
		"more positions than journals": {hello(func(h *protocol.Hello) { h.Applied = slices.Repeat([]ledger.MarkedPosition{at(2, 1)}, 4) }), protocol.BadForm},
		"an ack over the bound":        {frame(protocol.Frame{Ack: &protocol.Ack{Applied: 1<<62 + 1}}), protocol.BadPosition},
		"more synced than applied":     {frame(protocol.Frame{Ack: &protocol.Ack{Applied: 1, Synced: 2}}), protocol.BadPosition},
		"a want over the bound":        {frame(protocol.Frame{Wants: []ledger.Position{{Branch: 2, Sequence: 1<<62 + 1}}}), protocol.BadPosition},
		"a want of no branch":          {frame(protocol.Frame{Wants: []ledger.Position{{Branch: 9}}}), protocol.BadForm},
		"more wants than journals":     {frame(protocol.Frame{Wants: slices.Repeat([]ledger.Position{{Branch: 2}}, 4)}), protocol.BadForm},
		"a batch of no branch":         {deposits(func(b *ledger.Batch) { b.Branch = 9 }), protocol.BadForm},
		"a batch after no branch":      {deposits(func(b *ledger.Batch) { b.After = []ledger.Position{{Branch: 9, Sequence: 1}} }), protocol.BadForm},
		"a batch of a clock too far":   {deposits(func(b *ledger.Batch) { b.Entries[0].Clock = 1<<32 + 1 }), protocol.BadClock},
		"a batch of the largest clock": {deposits(func(b *ledger.Batch) { b.Entries[0].Clock = ledger.MaxClock }), protocol.BadClock},
		"a batch of a boot too far":    {deposits(func(b *ledger.Batch) { b.Epoch = 1<<32 + 1 }), protocol.BadEpoch},
		"a batch of the largest boot":  {deposits(func(b *ledger.Batch) { b.Epoch = ledger.MaxEpoch }), protocol.BadEpoch},
	} {
		t.Run(name, func(t *testing.T) {
			b := quietBank(t, 3, 0)
			first := b.nodes[0]
			got := b.refusalsOf(first, protocol.Message{From: 2, Frame: test.frame(first)})
			if len(got) != 1 || got[0].Peer != 2 || got[0].Lie != test.want || !got[0].Close || !got[0].First {
				t.Errorf("got %+v, want the link ended for a %s", got, test.want)
			}
			// Until the link has ended, nothing more of it is taken.
			if more := b.refusalsOf(first, protocol.Message{From: 2, Frame: test.frame(first)}); len(more) > 0 {
				t.Errorf("and %+v", more)
			}
			first.replica.LinkDown(2)
			first.replica.LinkUp(2)
			if greeting := b.refusalsOf(first, protocol.Message{From: 2, Frame: hello(func(*protocol.Hello) {})(first)}); len(greeting) > 0 {
				t.Errorf("the next link is refused: %+v", greeting)
			}
			if again := b.refusalsOf(first, protocol.Message{From: 2, Frame: test.frame(first)}); len(again) != 1 || !again[0].Close || again[0].First {
				t.Errorf("on the next link %+v, want it ended and nothing told", again)
			}
			s := first.replica.Status()
			if s.State != protocol.Serving || s.Applied[1].Sequence != 0 || s.Peers[0].Refused != 2 {
				t.Errorf("%+v", s)
			}
			if told := fmt.Sprint(s.Alarms); strings.Contains(told, "forked") || len(s.Alarms) > 1 {
				t.Errorf("alarms %q", s.Alarms)
			}
		})
	}
}
