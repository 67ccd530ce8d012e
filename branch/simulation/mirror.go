package simulation

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// mirror is the production journal beside a simulated disk, on files in memory
// that lose what was not synced. The branch reads and boots from the journal,
// which must agree with the simulated disk. A difference is a panic, which
// fails the run.
type mirror struct {
	fs      *vfs.MemFS       // a crash replaces it by what was synced
	id      journal.Identity // the branch and its bank
	journal *journal.Journal // nil while the branch is down
}

const mirrorDir = "data"

func newMirror(id ledger.BranchID, branches []ledger.BranchID, opening ledger.Amount) *mirror {
	return &mirror{fs: vfs.NewCrashableMem(), id: journal.Identity{Branch: id, Branches: branches, Opening: opening, Bank: ledger.Bank{Name: Name}}}
}

// copy returns a mirror on a copy of the files that a crash would leave.
func (m *mirror) copy() *mirror {
	return &mirror{fs: m.fs.CrashClone(vfs.CrashCloneCfg{}), id: m.id}
}

// crash leaves only what was synced.
func (m *mirror) crash() {
	if m.journal == nil {
		return
	}
	left := m.fs.CrashClone(vfs.CrashCloneCfg{})
	m.close()
	m.fs = left
}

func (m *mirror) close() {
	if m.journal != nil {
		_ = m.journal.Close() // into files that nobody reads again
		m.journal = nil
	}
}

// wipe leaves nothing.
func (m *mirror) wipe() {
	m.close()
	m.fs = vfs.NewCrashableMem()
}

// boot opens the journal and compares what it holds with the simulated disk's
// ledger.
func (m *mirror) boot(want *protocol.Config) (*journal.State, error) {
	j, state, err := journal.Open(mirrorDir, m.id, journal.Options{FS: m.fs, Patient: true})
	if err != nil {
		return nil, err
	}
	m.journal = j
	err = sameLedger(state.Ledger, want.Ledger)
	if err != nil || state.Settled != want.Settled || state.Bank != want.Bank {
		panic(fmt.Sprintf("branch %d boots from another state than was synced: %v, settled %t, %v, want %t, %v", m.id.Branch, err, state.Settled, state.Bank, want.Settled, want.Bank))
	}
	if !reflect.DeepEqual(state.Doubles, want.Doubles) {
		panic(fmt.Sprintf("branch %d boots with the alarms %+v, want %+v", m.id.Branch, state.Doubles, want.Doubles))
	}
	if !reflect.DeepEqual(state.Forks, want.Forks) || !slices.EqualFunc(state.Pending, want.Pending, func(a, b *ledger.Sealed) bool { return a.Hash == b.Hash }) {
		panic(fmt.Sprintf("branch %d boots with the forks %+v and the pending batches %v, want %+v and %v", m.id.Branch, state.Forks, state.Pending, want.Forks, want.Pending))
	}
	return state, nil
}

func sameLedger(got, want *ledger.Ledger) error {
	for i, b := range want.Branches() {
		if g, w := got.Head(i), want.Head(i); g != w {
			return fmt.Errorf("the journal of branch %d ends with %v, want %v", b, g, w)
		}
	}
	if g, w := got.Accounts(), want.Accounts(); !slices.Equal(g, w) {
		return fmt.Errorf("the accounts are %q, want %q", g, w)
	}
	for _, name := range want.Accounts() {
		for i, b := range want.Branches() {
			if g, w := got.Escrow(name, i), want.Escrow(name, i); g != w {
				return fmt.Errorf("branch %d has escrow %d of %q, want %d", b, g, name, w)
			}
			if g, w := got.Paid(name, i), want.Paid(name, i); g != w {
				return fmt.Errorf("branch %d has paid %d into %q, want %d", b, g, name, w)
			}
		}
	}
	return nil
}

func (m *mirror) commit(c *ledger.Commit) {
	if err := m.journal.Commit(c); err != nil {
		panic(fmt.Sprintf("branch %d can't commit: %v", m.id.Branch, err))
	}
}

func (m *mirror) checkRequest(key ledger.RequestKey, want ledger.Recorded, wantOK bool) {
	got, ok, err := m.journal.Request(key)
	if err != nil || ok != wantOK || got.At != want.At || got.Balance != want.Balance || !sameEntry(got.Entry, want.Entry) {
		panic(fmt.Sprintf("branch %d finds %+v, %t, %v under %s, want %+v, %t", m.id.Branch, got, ok, err, key, want, wantOK))
	}
}

func (m *mirror) checkPositions(keys []ledger.RequestKey, want []ledger.Position) {
	got, err := m.journal.Positions(keys)
	if got == nil {
		got = make([]ledger.Position, len(keys))
	}
	if err != nil || !slices.Equal(got, want) {
		panic(fmt.Sprintf("branch %d finds %v, %v under %v, want %v", m.id.Branch, got, err, keys, want))
	}
}

func (m *mirror) checkHash(b ledger.BranchID, sequence uint64, want ledger.Hash, wantOK bool) {
	got, ok, err := m.journal.HashAt(b, sequence)
	if err != nil || ok != wantOK || got != want {
		panic(fmt.Sprintf("branch %d finds hash %x, %t, %v at entry %d of branch %d, want %x, %t", m.id.Branch, got, ok, err, sequence, b, want, wantOK))
	}
}

// checkBatches compares batches as far as both have them. Each store decides by
// itself how many fit in a number of bytes.
func (m *mirror) checkBatches(b ledger.BranchID, after uint64, maxBytes int, want []*ledger.Sealed) {
	got, err := m.journal.Batches(b, after, maxBytes)
	if err != nil || (len(got) == 0) != (len(want) == 0) {
		panic(fmt.Sprintf("branch %d reads %d batches, %v, after entry %d of branch %d, want %d", m.id.Branch, len(got), err, after, b, len(want)))
	}
	for k := range min(len(got), len(want)) {
		if got[k].Hash != want[k].Hash || !bytes.Equal(got[k].Bytes, want[k].Bytes) || !sameSignature(got[k].Signature, want[k].Signature) {
			panic(fmt.Sprintf("branch %d reads another batch than was written at entry %d of branch %d", m.id.Branch, want[k].Batch.FirstSequence, b))
		}
	}
}
