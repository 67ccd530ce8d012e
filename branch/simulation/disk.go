package simulation

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Disk is a branch's disk in memory. A commit can be read at once. A crash loses
// commits that were not synced, from one of them on, in their order.
type Disk struct {
	branches []ledger.BranchID // those of the bank, ascending
	opening  ledger.Amount     // the shared account's balance before any entry
	// Own is the branch whose disk it is.
	Own ledger.BranchID
	// journals are the batches committed, by the order of branches.
	journals [][]*ledger.Sealed
	applied  []*ledger.Sealed                      // all of them, in the order in which they were committed
	requests map[ledger.RequestKey]ledger.Recorded // the first entry of each request
	epoch    uint64                                // counts the boots since the disk was empty
	// image is the state up to the last sync.
	image image
	// tail are the commits since.
	tail []*ledger.Commit
	// checked says that a bit has flipped: batches are checked again when read.
	checked bool
	// Copied says that the disk is a copy, or was restored from one, and that
	// this can be told.
	Copied bool
	// torn is a part of a batch, left behind by a crash.
	torn *ledger.Outline
	// pending are own batches that can't be posted since a fork was mended.
	pending []*ledger.Sealed
	// mirror, unless nil, is the production journal, which must agree.
	mirror *mirror
}

// image is a ledger as it is on disk.
type image struct {
	accounts map[string]ledger.AccountState      // those that entries have changed, by name
	heads    []ledger.Head                       // by the order of branches
	clock    uint64                              // the largest of the commits' clocks
	settled  bool                                // as in a commit: the disk does not count as empty
	doubles  map[ledger.RequestKey]ledger.Double // not resolved yet
	bank     ledger.Bank                         // the latest that a commit has set
	// forks are those of journals, with the decisions about them, in the order of their
	// keys.
	forks []ledger.Fork
}

// Name is the name of the simulated banks.
const Name = "simulated"

// Bank returns the bank that the disk belongs to, as far as that is synced.
func (d *Disk) Bank() ledger.Bank { return d.image.bank }

// NewDisk returns an empty disk for a branch of a bank.
func NewDisk(branches []ledger.BranchID, opening ledger.Amount) *Disk {
	d := &Disk{branches: slices.Sorted(slices.Values(branches)), opening: opening}
	d.Wipe()
	return d
}

// newDisk returns an empty disk for one of the branches.
func newDisk(own ledger.BranchID, branches []ledger.BranchID, opening ledger.Amount) *Disk {
	d := NewDisk(branches, opening)
	d.Own = own
	return d
}

// Wipe loses everything.
func (d *Disk) Wipe() {
	d.journals, d.applied = make([][]*ledger.Sealed, len(d.branches)), nil
	d.requests = map[ledger.RequestKey]ledger.Recorded{}
	d.epoch, d.tail, d.torn, d.checked, d.Copied, d.pending = 0, nil, nil, false, false, nil
	d.image = image{accounts: map[string]ledger.AccountState{}, heads: make([]ledger.Head, len(d.branches)), bank: ledger.Bank{Name: Name}, doubles: map[ledger.RequestKey]ledger.Double{}}
	if d.mirror != nil {
		d.mirror.wipe()
	}
}

// Copy returns a copy of the disk as it is now: a backup. The copy of a mirror has
// only what is synced.
func (d *Disk) Copy() *Disk {
	c := *d
	c.journals = make([][]*ledger.Sealed, len(d.journals))
	for i, j := range d.journals {
		c.journals[i] = slices.Clip(j)
	}
	c.requests, c.tail = maps.Clone(d.requests), slices.Clone(d.tail)
	c.image.accounts, c.image.heads = maps.Clone(d.image.accounts), slices.Clone(d.image.heads)
	c.applied = slices.Clip(d.applied)
	c.image.doubles, c.image.forks = maps.Clone(d.image.doubles), slices.Clone(d.image.forks)
	c.pending = slices.Clone(d.pending)
	if d.mirror != nil {
		c.mirror = d.mirror.copy()
	}
	return &c
}

// close closes the mirror, if there is one.
func (d *Disk) close() {
	if d.mirror != nil {
		d.mirror.close()
	}
}

// Commit writes a commit, and syncs it and all before it if it says so.
func (d *Disk) Commit(c *ledger.Commit) {
	if d.mirror != nil {
		d.mirror.commit(c)
	}
	for _, b := range c.Batches {
		d.add(b.Sealed, b.Posted)
	}
	d.tail = append(d.tail, keep(c))
	if c.Sync {
		d.sync()
	}
}

// add adds a batch to its journal.
func (d *Disk) add(s *ledger.Sealed, posted []ledger.Posted) {
	i, _ := slices.BinarySearch(d.branches, s.Batch.Branch)
	d.journals[i], d.applied = append(d.journals[i], s), append(d.applied, s)
	for k := range s.Batch.Entries {
		e := &s.Batch.Entries[k]
		key := e.RequestKey()
		if _, ok := d.requests[key]; key != "" && !ok {
			at := ledger.Position{Branch: s.Batch.Branch, Sequence: e.Sequence}
			d.requests[key] = ledger.Recorded{At: at, Entry: *e, Balance: posted[k].Balance}
		}
	}
}

// keep returns a commit that lasts: the memory of the given one is used again.
func keep(c *ledger.Commit) *ledger.Commit {
	kept := *c
	kept.Batches, kept.Heads, kept.Accounts = slices.Clone(c.Batches), slices.Clone(c.Heads), slices.Clone(c.Accounts)
	for i := range kept.Accounts {
		kept.Accounts[i] = keepState(kept.Accounts[i])
	}
	return &kept
}

// keepState returns the state of an account that lasts.
func keepState(a ledger.AccountState) ledger.AccountState {
	a.Escrow, a.Paid, a.Last = slices.Clone(a.Escrow), slices.Clone(a.Paid), slices.Clone(a.Last)
	return a
}

func (d *Disk) sync() {
	for _, c := range d.tail {
		for _, a := range c.Accounts {
			d.image.accounts[a.Name] = a
		}
		for _, h := range c.Heads {
			i, _ := slices.BinarySearch(d.branches, h.Branch)
			d.image.heads[i] = h.Head
		}
		for _, double := range c.Doubles {
			if double.Resolved {
				delete(d.image.doubles, double.Key())
			} else {
				d.image.doubles[double.Key()] = double
			}
		}
		for _, f := range c.Forks {
			d.image.keepFork(f)
		}
		d.image.clock = max(d.image.clock, c.Clock)
		if c.Bank != nil {
			d.image.bank = *c.Bank
		}
		if c.Settled {
			d.image.settled, d.Copied = true, false
		}
		if c.Unsettled {
			d.image.settled = false
		}
	}
	d.tail = d.tail[:0]
}

// Unsynced returns how many commits a crash could take back.
func (d *Disk) Unsynced() int { return len(d.tail) }

// Crash takes back the commits that were not synced, except for the first keep
// of them. A restart finds the rest synced.
func (d *Disk) Crash(keep int) {
	if d.mirror != nil {
		keep = 0 // as the files in memory have it
		d.mirror.crash()
	}
	lost := slices.Clone(d.tail[keep:])
	d.tail = d.tail[:keep]
	d.sync()
	for _, c := range lost {
		d.applied = d.applied[: len(d.applied)-len(c.Batches) : len(d.applied)-len(c.Batches)]
		for _, b := range c.Batches {
			i, _ := slices.BinarySearch(d.branches, b.Batch.Branch)
			n := d.find(i, b.Batch.FirstSequence)
			d.journals[i] = d.journals[i][:n:n]
			for k := range b.Batch.Entries {
				e := &b.Batch.Entries[k]
				if key := e.RequestKey(); d.requests[key].At == (ledger.Position{Branch: b.Batch.Branch, Sequence: e.Sequence}) {
					delete(d.requests, key)
				}
			}
		}
	}
}

// Tear leaves a part of a commit behind, as a crash may.
func (d *Disk) Tear(c *ledger.Commit, rng *rand.Rand) {
	if len(c.Batches) > 0 {
		b := c.Batches[len(c.Batches)-1].Sealed
		d.torn = &ledger.Outline{Bytes: b.Bytes[:rng.IntN(len(b.Bytes))], Hash: b.Hash}
	}
}

// Flip changes one bit of a batch of the i-th branch's journal: of the last one, or
// of any. It returns false if there is none.
func (d *Disk) Flip(i int, last bool, rng *rand.Rand) bool {
	if len(d.journals[i]) == 0 {
		return false
	}
	k := len(d.journals[i]) - 1
	if !last {
		k = rng.IntN(k + 1)
	}
	damaged := *d.journals[i][k] // other disks have the batch too
	damaged.Bytes = slices.Clone(damaged.Bytes)
	damaged.Bytes[rng.IntN(len(damaged.Bytes))] ^= 1 << rng.IntN(8)
	d.journals[i] = slices.Clone(d.journals[i])
	d.journals[i][k] = &damaged
	d.checked = true
	return true
}

// Boot reads the disk back after a crash, and returns what the journal tells a
// branch that starts.
func (d *Disk) Boot() (protocol.Config, error) {
	l, err := ledger.New(d.branches, d.opening)
	if err == nil && d.image.bank.Founded {
		err = l.Found(d.image.bank.Genesis(d.branches, d.opening))
	}
	if err != nil {
		return protocol.Config{}, err
	}
	d.epoch++
	if d.torn != nil {
		if _, err := ledger.OpenSealed(d.torn.Bytes, d.torn.Hash); err == nil {
			return protocol.Config{}, errors.New("half a batch passes for a whole one")
		}
		d.torn = nil
	}
	if err := d.mend(); err != nil {
		return protocol.Config{}, err
	}
	if len(d.image.accounts) == 0 {
		return d.mirrored(l)
	}
	accounts := make(map[string]ledger.AccountState, len(d.image.accounts))
	maps.Copy(accounts, d.image.accounts)
	if _, ok := accounts[ledger.SharedAccount]; !ok && d.opening > 0 {
		spread := ledger.Spread(d.opening, len(d.branches))
		accounts[ledger.SharedAccount] = ledger.AccountState{Name: ledger.SharedAccount, Escrow: spread, Paid: spread, Last: make([]uint64, len(d.branches))}
	}
	states := func(yield func(*ledger.AccountState, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(accounts)) {
			if a := accounts[name]; !yield(&a, nil) {
				return
			}
		}
	}
	if err := l.Restore(d.image.heads, states, d.image.clock); err != nil {
		return protocol.Config{}, err
	}
	return d.mirrored(l)
}

// mirrored returns what the branch boots from: the journal's state where there
// is one.
func (d *Disk) mirrored(l *ledger.Ledger) (protocol.Config, error) {
	c := protocol.Config{Opening: d.opening, Ledger: l, Epoch: d.epoch, Settled: d.image.settled, Bank: d.image.bank, Copied: d.Copied, Doubles: d.Doubles(), Forks: slices.Clone(d.image.forks), Pending: d.Pending(), Storage: d}
	if d.mirror == nil {
		return c, nil
	}
	state, err := d.mirror.boot(&c)
	if err != nil {
		return protocol.Config{}, err
	}
	c.Ledger, c.Epoch = state.Ledger, state.Epoch
	return c, nil
}

// Proposal returns an id for a bank that a branch founds: another one each time
// that it starts with an empty disk.
func Proposal(b ledger.BranchID, boot int) (id ledger.BankID) {
	binary.BigEndian.PutUint32(id[:], uint32(b))
	binary.BigEndian.PutUint64(id[8:], uint64(boot)+1)
	return id
}

// Doubles returns the request ids that several entries have, in their order, as
// a branch that boots finds them.
func (d *Disk) Doubles() []ledger.Double {
	var all []ledger.Double
	for _, key := range slices.Sorted(maps.Keys(d.image.doubles)) {
		all = append(all, d.image.doubles[key])
	}
	return all
}

// Synced returns how far the i-th branch's journal would survive a crash.
func (d *Disk) Synced(i int) uint64 { return d.image.heads[i].Sequence }

// Journal returns the batches of the i-th branch's journal on this disk.
func (d *Disk) Journal(i int) []*ledger.Sealed { return d.journals[i] }

// find returns the index of a journal's first batch that ends at sequence or later.
func (d *Disk) find(i int, sequence uint64) int {
	j := d.journals[i]
	return sort.Search(len(j), func(k int) bool { return j[k].Batch.LastSequence() >= sequence })
}

// entry returns an entry of the i-th journal; nil if it is not on this disk.
func (d *Disk) entry(i int, sequence uint64) *ledger.Entry {
	k := d.find(i, sequence)
	if k == len(d.journals[i]) || sequence < d.journals[i][k].Batch.FirstSequence {
		return nil
	}
	b := d.journals[i][k].Batch
	return &b.Entries[sequence-b.FirstSequence]
}
