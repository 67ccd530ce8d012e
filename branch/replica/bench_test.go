package replica_test

import (
	"fmt"
	"testing"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
	"passbook.example/passbook/branch/simulation"
)

// noStorage is the storage of a branch that never reads back.
type noStorage struct{}

func (noStorage) Request(ledger.RequestKey) (ledger.Recorded, bool, error) {
	return ledger.Recorded{}, false, nil
}
func (noStorage) Positions(keys []ledger.RequestKey) ([]ledger.Position, error) {
	return make([]ledger.Position, len(keys)), nil
}
func (noStorage) HashAt(ledger.BranchID, uint64) (ledger.Hash, bool, error) {
	return ledger.Hash{}, false, nil
}

// linkedBank returns replicas that are linked and serve, without disks.
func linkedBank(b *testing.B, n int) []*replica.Replica {
	var ids []ledger.BranchID
	for i := range n {
		ids = append(ids, ledger.BranchID(i+1))
	}
	bank := make([]*replica.Replica, n)
	for i, id := range ids {
		c, err := simulation.NewDisk(ids, 1<<50).Boot()
		if err != nil {
			b.Fatal(err)
		}
		c.ID, c.PeerTimeout, c.Proposal = id, 1000, simulation.Proposal(id, 0)
		c.Storage = storageOf{noStorage{}, c.Storage}
		if bank[i], err = replica.New(c); err != nil {
			b.Fatal(err)
		}
	}
	for _, r := range bank {
		for _, id := range ids {
			r.LinkUp(id)
		}
	}
	settle(b, bank)
	return bank
}

// storageOf looks for request ids nowhere, and reads batches from a disk.
type storageOf struct {
	noStorage
	disk protocol.Storage
}

func (s storageOf) Batches(branch ledger.BranchID, after uint64, maxBytes int) ([]*ledger.Outline, error) {
	return s.disk.Batches(branch, after, maxBytes)
}

// settle delivers messages until there are none, and returns how many calls were
// answered.
func settle(b *testing.B, bank []*replica.Replica) (answered int) {
	for again := true; again; {
		again = false
		for _, r := range bank {
			ready := r.Ready()
			r.Advance()
			answered += len(ready.Replies)
			for i := range ready.Replies {
				if err := ready.Replies[i].Err; err != nil {
					b.Fatal(err)
				}
			}
			for _, m := range ready.Messages {
				m, err := simulation.Transmit(m)
				if err != nil {
					b.Fatal(err)
				}
				bank[m.To-1].Receive(m)
				again = true
			}
		}
	}
	return answered
}

// BenchmarkWrites measures what a bank of three spends on a write: deciding it,
// sealing it with fifty others, applying it at both peers and acknowledging it.
func BenchmarkWrites(b *testing.B) {
	for _, kind := range []ledger.Kind{ledger.Deposit, ledger.Withdrawal} {
		b.Run(kind.String(), func(b *testing.B) {
			bank := linkedBank(b, 3)
			ids := make([]string, b.N)
			for i := range ids {
				ids[i] = fmt.Sprint("request ", i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				for _, r := range bank {
					for k := 0; k < 50 && i < b.N; k++ {
						r.Submit(protocol.Operation{
							ID: uint64(i), Acknowledge: protocol.Reachable, Deadline: 1 << 50,
							Entry: ledger.Entry{Kind: kind, Account: ledger.SharedAccount, Amount: 1, RequestID: ids[i]},
						})
						i++
					}
				}
				settle(b, bank)
			}
		})
	}
}
