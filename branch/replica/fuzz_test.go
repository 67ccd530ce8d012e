package replica_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Whatever a frame says, but for a whole batch that follows one that is here: no
// panic, nobody halts, nothing is recorded, and once its link has ended, the bank is
// as it was.
func FuzzReceiveFrame(f *testing.F) {
	far := ledger.NewSealed(&ledger.Batch{Branch: 2, Epoch: 1 << 40, FirstSequence: 7, PrevHash: ledger.Hash{1}, Entries: []ledger.Entry{
		{Sequence: 7, Clock: 1 << 61, Kind: ledger.Deposit, Account: "a", Amount: 1 << 62},
	}, After: []ledger.Position{{Branch: 1, Sequence: 1 << 60}}}).Bytes
	for _, n := range []uint64{0, 1, 2, 1 << 32, 1 << 62, 1<<64 - 1} {
		f.Add(uint8(2), uint32(1), n, n, n, uint8(255), []byte{1}, far)
		f.Add(uint8(3), uint32(3), n, n/2, uint64(1), uint8(3), []byte{}, []byte{})
		f.Add(uint8(2), uint32(9), uint64(1), n, n, uint8(12), []byte("0123456789abcdef0123456789abcdef"), far)
	}
	f.Fuzz(func(t *testing.T, from uint8, branch uint32, sequence, more, epoch uint64, parts uint8, hash, batch []byte) {
		b := quietBank(t, 3, 90)
		b.quiet = true
		first := b.nodes[0]
		b.record(first, 1, 2)
		b.turn(first)
		b.stabilize()
		m := protocol.Message{From: ledger.BranchID(from), To: 1, Frame: hostileFrame(b, branch, sequence, more, epoch, parts, hash, batch)}
		if slices.ContainsFunc(m.Frame.Batches, func(s *ledger.Sealed) bool { return b.follows(first, s) }) {
			t.Skip("a whole forged batch")
		}
		applied := first.replica.Status().Applied
		b.receive(m)
		b.receive(m)
		b.pass(30_000, 500)
		s := first.replica.Status()
		if s.State != protocol.Serving || !slices.Equal(s.Applied, applied) {
			t.Errorf("%+v, had %v", s, applied)
		}
		if err := first.replica.Ledger().CheckInvariants(); err != nil {
			t.Error(err)
		}
		for _, n := range b.nodes[1:] {
			b.cut(first, n)
			b.heal(first, n)
		}
		b.stabilize()
		b.tick(500)
		b.stabilize()
		for _, p := range first.replica.Status().Peers {
			if !p.Reachable {
				t.Errorf("%+v is not reachable again", p)
			}
		}
	})
}

// hostileFrame has the parts of a frame that are wanted.
func hostileFrame(b *bank, branch uint32, sequence, more, epoch uint64, parts uint8, hash, batch []byte) *protocol.Frame {
	frame := &protocol.Frame{Sync: parts&64 != 0}
	at := ledger.Position{Branch: ledger.BranchID(branch), Sequence: sequence}
	marked := ledger.MarkedPosition{Position: at}
	copy(marked.Hash[:], hash)
	if parts&1 != 0 {
		hello := *b.hellos[[2]ledger.BranchID{2, 1}]
		hello.Epoch = epoch
		hello.Applied = append(slices.Clone(hello.Applied), marked)
		frame.Hello = &hello
	}
	if parts&2 != 0 {
		frame.Ack = &protocol.Ack{Applied: sequence, Synced: more, Forked: parts&16 != 0}
	}
	if parts&4 != 0 {
		frame.Wants = slices.Repeat([]ledger.Position{at}, int(more%5))
	}
	if s, err := ledger.OpenSealed(batch, sha256.Sum256(batch)); err == nil && parts&8 != 0 {
		frame.Batches = []*ledger.Sealed{s}
	}
	return frame
}

// follows reports whether a batch follows one that a branch has, or none.
func (b *bank) follows(n *node, s *ledger.Sealed) bool {
	i, ok := n.replica.Ledger().Index(s.Batch.Branch)
	if !ok {
		return false
	}
	if s.Batch.PrevHash == n.genesis() {
		return true
	}
	return slices.ContainsFunc(n.disk.Journal(i), func(o *ledger.Sealed) bool { return o.Hash == s.Batch.PrevHash })
}
