package journal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/ledger"
)

// Finding is a place in a data directory that is not as it must be.
type Finding struct {
	// Dir is the directory.
	Dir string
	// Place is what Problem is about: a file, a key, a batch.
	Place   string
	Problem string
}

// String implements fmt.Stringer.
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Dir, f.Place, f.Problem) }

// Checked says what was checked in a directory.
type Checked struct {
	// Dir is the directory.
	Dir string
	// Identity is the branch and the bank that it belongs to.
	Identity Identity
	// Journals are where the journals end, by the bank's order.
	Journals []ledger.Position
	// Batches, Entries, Requests and Accounts count what was read.
	Batches, Entries, Requests, Accounts uint64
	// Findings counts what was reported.
	Findings int
}

// ErrNoJournal says that there is no journal in a directory.
var ErrNoJournal = errors.New("there is no journal")

// Verified is a data directory that stays open, read-only, so that it can be
// compared with others.
type Verified struct {
	Checked
	j *Journal // read-only; without a db when the store can't be opened
}

// Verify checks the data directory of one branch, without changing it: that
// the hashes chain every journal from its first batch, and that adding all
// entries up again, in the order in which the branch applied them, gives the
// heads, accounts, running balances, request ids and statements that are
// stored. It reports each difference, and reads on where that makes sense. It
// needs as much memory as the accounts do.
//
// It returns an error, and nothing else, when there is no journal in dir (then it
// wraps ErrNoJournal), when another process holds it, and when it can't be read. The
// caller closes what it returns.
func Verify(dir string, fs vfs.FS, report func(Finding)) (*Verified, error) {
	return Inspect(dir, fs, report, nil)
}

// Inspect is Verify that lets an inspector look, too, if it is not nil.
func Inspect(dir string, fs vfs.FS, report func(Finding), with Inspector) (*Verified, error) {
	if fs == nil {
		fs = vfs.Default
	}
	j := &Journal{disk: &store.Disk{FS: fs, Dir: dir}, readOnly: true}
	if desc, err := pebble.Peek(dir, fs); err != nil {
		return nil, err
	} else if !desc.Exists && j.lookAtNothing() == nil {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoJournal)
	}
	v := &Verified{Checked: Checked{Dir: dir}, j: j}
	check := verification{Verified: v, report: report, inspector: with}
	if err := j.openStore(nil, func([]byte) error { return nil }); err != nil {
		var held *HeldError
		if errors.As(err, &held) {
			return nil, err
		}
		check.failed(err)
		return v, nil
	}
	check.readers = store.ReaderOptions(j.lock.Options())
	check.run()
	return v, nil
}

// Close closes the directory.
func (v *Verified) Close() error {
	if v.j.db == nil {
		return nil
	}
	return v.j.Close()
}

// verification is Verify under way.
type verification struct {
	*Verified
	report    func(Finding)  // gets each finding
	inspector Inspector      // looks at each batch, too; nil for nobody
	ledger    *ledger.Ledger // the batches read so far, added up again
	// readers are the options for reading the store's tables.
	readers sstable.ReaderOptions
	// mentions and requests count the keys that there must be.
	mentions, requests uint64

	touches []touch // memory for one batch
	indexes []int   // memory for one mention
	key     []byte  // memory for one key
}

// errStop ends a verification, after a report that says why.
var errStop = errors.New("what follows can't be checked")

func (v *verification) found(place, format string, args ...any) {
	v.Findings++
	v.report(Finding{Dir: v.Dir, Place: place, Problem: fmt.Sprintf(format, args...)})
}

// failed reports why no more can be checked, unless that was reported already.
func (v *verification) failed(err error) {
	var damage *DamageError
	switch {
	case errors.Is(err, errStop):
	case errors.As(err, &damage):
		v.found(damage.Place, "%s", damage.Problem)
	default:
		v.found("the store", "%v", err)
	}
}

// run runs the steps, each of which needs those before it.
func (v *verification) run() {
	for _, step := range []func() error{v.tables, v.identity, v.journals, v.heads, v.accounts, v.state, v.doubles, v.beside, v.certificates, v.indexesComplete} {
		if err := step(); err != nil {
			v.failed(err)
			return
		}
	}
}

func (v *verification) identity() error {
	value, closer, err := v.j.db.Get(identityKey)
	if errors.Is(err, pebble.ErrNotFound) {
		v.found(keyName(identityKey), "it is missing")
		return errStop
	}
	if err != nil {
		return err
	}
	v.Identity, err = decodeIdentity(v.Dir, value)
	if err := errors.Join(err, closer.Close()); err != nil {
		return err
	}
	if v.ledger, err = ledger.New(v.Identity.Branches, v.Identity.Opening); err != nil {
		return err
	}
	if err := v.ledger.Found(v.Identity.genesis()); err != nil {
		return err
	}
	v.j.branches = v.ledger.Branches()
	v.j.visible = newVisible(v.j.branches)
	if v.inspector == nil {
		return nil
	}
	return v.inspector.Begin(v.Dir, v.Identity, v.j.Certificate)
}

// journals applies all batches of all journals in the order in which the
// branch did.
func (v *verification) journals() error { return v.j.inOrder(v.batch, v.unreadable) }

func (v *verification) unreadable(c *cursor, err error) error {
	after := v.ledger.Head(c.index).Sequence
	v.found(fmt.Sprintf("journal of branch %d after sequence %d", c.branch, after), "%v", err)
	return errStop
}

// batch checks one batch, applies it, and checks what is stored about it.
func (v *verification) batch(c *cursor) error {
	b := c.sealed.Batch
	name, head := batchName(b.Branch, b.LastSequence()), v.ledger.Head(c.index)
	v.Batches++
	v.Entries += uint64(len(b.Entries))
	switch {
	case b.FirstSequence != head.Sequence+1:
		v.found(name, "it begins at sequence %d, where %d is next", b.FirstSequence, head.Sequence+1)
		return errStop
	case b.PrevHash != head.Hash:
		v.found(name, "it does not follow the batch before it: the hash of that is %x, not %x", head.Hash[:8], b.PrevHash[:8])
		return errStop
	case b.Epoch < head.Epoch:
		v.found(name, "its epoch is %d after %d", b.Epoch, head.Epoch)
	case c.stored.order != v.Batches:
		v.found(name, "it was applied as batch %d of all, where %d is next: another one is missing", c.stored.order, v.Batches)
		return errStop
	}
	for _, p := range b.After {
		i, ok := v.ledger.Index(p.Branch)
		if !ok || v.ledger.Head(i).Sequence < p.Sequence {
			v.found(name, "it was applied before entry %d of branch %d, which its writer had seen", p.Sequence, p.Branch)
		}
	}
	if err := v.ledger.CheckLead(c.index, b); err != nil {
		v.found(name, "%v", err)
	}
	if v.inspector != nil {
		if problem := v.inspector.Batch(&c.sealed.Outline); problem != "" {
			v.found(name, "%s", problem)
		}
	}
	posted, err := v.ledger.PostBatch(c.sealed)
	if err != nil {
		v.found(name, "%v", err)
		return errStop
	}
	v.ledger.TakeTouched()
	v.j.visible.heads[c.index].Store(b.LastSequence())
	stored, err := c.stored.balances(c.iter.Key(), b.Entries)
	if err != nil {
		v.found(name, "running balances: %v", err)
		stored = posted
	}
	v.entries(c, name, posted, stored)
	return nil
}

func (v *verification) entries(c *cursor, name string, posted, stored []ledger.Posted) {
	for i := range posted {
		if e := &c.sealed.Batch.Entries[i]; !stored[i].Equal(&posted[i]) {
			v.found(name, "entry %d leads to balance %s, and %s is stored", e.Sequence, balances(e, posted[i]), balances(e, stored[i]))
		}
		v.request(c.sealed.Batch, i, posted[i].Balance)
	}
	v.statements(c.sealed.Batch)
}

func balances(e *ledger.Entry, p ledger.Posted) string {
	if e.Kind == ledger.Bulk {
		return fmt.Sprint(p.Balances)
	}
	if e.Kind == ledger.Transfer {
		return fmt.Sprintf("%d and %d", p.Balance, p.ToBalance)
	}
	return fmt.Sprint(p.Balance)
}

// request checks that the request id of an entry finds it, or the entry that
// had it first.
func (v *verification) request(b *ledger.Batch, i int, balance ledger.Amount) {
	e := &b.Entries[i]
	request := e.RequestKey()
	if request == "" {
		return
	}
	v.key = appendRequestKey(v.key[:0], request)
	var rec ledger.Recorded
	err := get(v.j, v.key, &rec, func(key, value []byte) (rec ledger.Recorded, err error) {
		rec.At, rec.Balance, err = decodeRequest(key, value)
		return rec, err
	})
	here := ledger.Position{Branch: b.Branch, Sequence: e.Sequence}
	switch {
	case err != nil:
		v.found(keyName(v.key), "%v", err)
	case rec.At == ledger.Position{}:
		v.found(keyName(v.key), "it is missing: %s has it", entryName(here))
	case rec.At != here && rec.At.Sequence <= v.j.visible.end(rec.At.Branch):
		v.found(keyName(v.key), "%s and %s both have it", entryName(rec.At), entryName(here))
	case rec.At != here:
		v.found(keyName(v.key), "%s has it, and %s is stored", entryName(here), entryName(rec.At))
		v.requests++
	default:
		v.requests++
		if rec.Balance != balance {
			v.found(keyName(v.key), "%s leads to balance %d, and %d is stored", entryName(here), balance, rec.Balance)
		}
	}
}

func entryName(p ledger.Position) string {
	return fmt.Sprintf("entry %d of branch %d", p.Sequence, p.Branch)
}

// statements checks that the statements mention the entries of a batch.
func (v *verification) statements(b *ledger.Batch) {
	v.touches = appendTouches(v.touches[:0], b)
	eachMention(v.touches, b, &v.indexes, func(account string, want mention) {
		v.key = appendStatementKey(v.key[:0], account, v.Batches)
		var got mention
		err := get(v.j, v.key, &got, decodeMention)
		if err != nil || got.branch != 0 {
			v.mentions++
		}
		switch {
		case err != nil:
			v.found(keyName(v.key), "%v", err)
		case got.branch == 0:
			v.found(keyName(v.key), "it is missing: the %s changed the account", batchName(b.Branch, b.LastSequence()))
		case got.branch != want.branch || got.last != want.last || !slices.Equal(got.indexes, want.indexes):
			v.found(keyName(v.key), "it does not name what the %s changed", batchName(b.Branch, b.LastSequence()))
		}
	})
}

// heads compares the heads that are stored with where the journals end.
func (v *verification) heads() error {
	for i, b := range v.j.branches {
		want := v.ledger.Head(i)
		v.Journals = append(v.Journals, ledger.Position{Branch: b, Sequence: want.Sequence})
		got := ledger.Head{Hash: v.Identity.genesis()}
		key := appendHeadKey(nil, b)
		if err := get(v.j, key, &got, decodeHead); err != nil {
			v.found(keyName(key), "%v", err)
		} else if got != want {
			v.found(keyName(key), "it names sequence %d, hash %x and epoch %d; the journal ends at %d with %x and %d",
				got.Sequence, got.Hash[:8], got.Epoch, want.Sequence, want.Hash[:8], want.Epoch)
		}
	}
	return nil
}

// accounts compares the accounts that are stored with what the entries add up
// to.
func (v *verification) accounts() (err error) {
	iter, err := v.table(accountTable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	seen := make(map[string]bool)
	got := newAccountState(len(v.j.branches))
	for iter.First(); iter.Valid(); iter.Next() {
		v.Accounts++
		value, err := iter.ValueAndErr()
		if err != nil {
			return fmt.Errorf("%s: %w", keyName(iter.Key()), err)
		}
		if err := decodeAccount(iter.Key(), value, &got); err != nil {
			v.found(keyName(iter.Key()), "%v", err)
			continue
		}
		seen[got.Name] = true
		v.account(&got)
	}
	for _, name := range v.ledger.Accounts() {
		if !seen[name] {
			v.found(keyName(appendAccountKey(nil, name)), "it is missing, or can't be read: the entries add up to %d", v.ledger.Balance(name))
		}
	}
	if err := v.ledger.CheckInvariants(); err != nil {
		v.found("the ledger", "%v", err)
	}
	return iter.Error()
}

func (v *verification) account(got *ledger.AccountState) {
	place := keyName(appendAccountKey(nil, got.Name))
	for i, b := range v.j.branches {
		switch {
		case got.Escrow[i] != v.ledger.Escrow(got.Name, i):
			v.found(place, "the escrow of branch %d is %d, and %d is stored", b, v.ledger.Escrow(got.Name, i), got.Escrow[i])
		case got.Paid[i] != v.ledger.Paid(got.Name, i):
			v.found(place, "branch %d has paid %d into it, and %d is stored", b, v.ledger.Paid(got.Name, i), got.Paid[i])
		case got.Last[i] != v.ledger.Last(got.Name, i):
			v.found(place, "entry %d of branch %d changed it last, and %d is stored", v.ledger.Last(got.Name, i), b, got.Last[i])
		}
	}
}

// state checks the rest of the state, and the mark.
func (v *verification) state() error {
	if err := get(v.j, stateKey, &v.j.state, decodeState); err != nil {
		v.found(keyName(stateKey), "%v", err)
		return nil
	}
	if got := v.j.state.clock; got != v.ledger.Clock() {
		v.found(keyName(stateKey), "the clock of the entries is %d, and %d is stored", v.ledger.Clock(), got)
	}
	if got := v.j.state.order; got != v.Batches {
		v.found(keyName(stateKey), "%d batches are applied, and %d is stored", v.Batches, got)
	}
	var epoch uint64
	if err := get(v.j, epochKey, &epoch, decodeEpoch); err != nil {
		v.found(keyName(epochKey), "%v", err)
	}
	if own, ok := v.ledger.Index(v.Identity.Branch); ok {
		if err := checkBoot(epoch, v.ledger.Head(own).Epoch); err != nil {
			v.found(keyName(epochKey), "%v", err)
		}
	}
	if err := v.j.checkMark(); err != nil {
		v.failed(err)
	}
	return v.home()
}
