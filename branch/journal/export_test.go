package journal

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/idfilter"
	"passbook.example/passbook/branch/journal/internal/place"
	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/journal/internal/walcheck"
	"passbook.example/passbook/branch/ledger"
)

// DecodeValue decodes the value of a key, as the journal of a bank with three
// branches does, and encodes it again. It returns nothing for a key that has
// no value.
func DecodeValue(key, value []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, nil
	}
	switch {
	case string(key) == string(stateKey):
		s, err := decodeState(key, value)
		return s.append(nil), err
	case string(key) == string(epochKey):
		epoch, err := decodeEpoch(key, value)
		return appendEpoch(nil, epoch), err
	case string(key) == string(homeKey):
		h, err := decodeHomeRecord(key, value)
		return h.append(nil), err
	case string(key) == string(identityKey):
		id, err := decodeIdentity("", value)
		return id.append(nil), err
	case key[0] == headTable:
		h, err := decodeHead(key, value)
		return appendHead(nil, h), err
	case key[0] == accountTable:
		a := newAccountState(3)
		err := decodeAccount(key, value, &a)
		return appendAccount(nil, &a), err
	case key[0] == requestTable:
		at, balance, err := decodeRequest(key, value)
		return appendRequest(nil, at, balance), err
	case key[0] == statementTable:
		m, err := decodeMention(key, value)
		return appendMention(nil, m), err
	case key[0] == certificateTable:
		chain, err := decodeCertificate(key, value)
		return appendCertificate(nil, chain), err
	case key[0] == batchTable:
		return decodeWholeBatch(key, value)
	}
	return nil, nil
}

func decodeWholeBatch(key, value []byte) ([]byte, error) {
	stored, sealed, err := openBatch(key, value)
	if err != nil {
		return nil, err
	}
	posted, err := stored.balances(key, sealed.Batch.Entries)
	if err != nil {
		return nil, err
	}
	b := &ledger.StoredBatch{Sealed: sealed, Posted: posted}
	return appendBatch(nil, appendPosted(nil, b), stored.order, b), nil
}

// KeyName is keyName.
var KeyName = keyName

// ReadLog reads the bytes of a write-ahead log or of a manifest, and returns
// how many records it has, where they end, and what shows that they did not
// end by a crash.
func ReadLog(data []byte, number uint32, manifest bool) (records, end int, damage string) {
	read := func(visit func(int, []byte) error) (walcheck.End, error) {
		return walcheck.Log(data, uint64(number), visit)
	}
	if manifest {
		read = func(visit func(int, []byte) error) (walcheck.End, error) { return walcheck.Manifest(data, visit) }
	}
	s := survey{disk: &store.Disk{}}
	at, err := read(func(offset int, record []byte) error {
		records++
		if !manifest {
			_ = s.commit("log", offset, record) // it must not panic
		}
		return nil
	})
	if err != nil {
		panic(fmt.Sprint("the visit never fails: ", err))
	}
	return records, at.Offset, at.Damage
}

// IsGathering reports whether gathered commits are still to be written.
func (j *Journal) IsGathering() bool { return j.pending.Load() }

// GatheredBytes returns the size of what is gathered and not written.
func (j *Journal) GatheredBytes() int { return j.writer.out.Len() }

// Excludes reports whether the filter says that a request id is not recorded.
func (j *Journal) Excludes(id string) bool { return j.filter.Excludes(id) }

// AddToFilter adds a request id to the filter only.
func (j *Journal) AddToFilter(id string) { j.filter.Add([]byte(id)) }

// AddNewToFilter adds a request id to the filter only, and reports whether the
// filter says that it is new.
func (j *Journal) AddNewToFilter(id string) bool {
	_, isNew := j.filter.AddNew(id)
	return isNew
}

// FilterBytes returns how much memory the filter uses.
func (j *Journal) FilterBytes() int { return j.filter.Bytes() }

// BoundFilter sets how much memory the filter may use.
func (j *Journal) BoundFilter(bytes int) { j.filter.Bound(bytes) }

// AwaitFilter waits until what is on disk is in the filter.
func (j *Journal) AwaitFilter() { j.filter.Await() }

// HoldFilters keeps filters from being filled until release is called, or the
// test ends.
func HoldFilters(t testing.TB) (release func()) {
	f := idfilter.New()
	filling, released := make(chan struct{}), make(chan struct{})
	f.FillBeside(func(func([]byte) bool) error {
		close(filling)
		<-released
		return nil
	})
	<-filling
	release = sync.OnceFunc(func() {
		close(released)
		f.Await()
	})
	t.Cleanup(release)
	return release
}

// GiveUpFilter makes the filter grow over its bound.
func (j *Journal) GiveUpFilter() {
	j.filter.Bound(0)
	for i := 0; j.filter.Bytes() > 0; i++ {
		j.filter.Add(fmt.Appendf(nil, "one too many %d", i))
	}
}

// FillBytes is how much of a log is filled with zeros at once.
const FillBytes = store.FillBytes

// StartFlush starts to write the memtable to a table in the background.
func (j *Journal) StartFlush() error {
	_, err := j.db.AsyncFlush()
	return err
}

// EmptyFilter makes the filter forget what it has.
func (j *Journal) EmptyFilter() {
	j.filter = idfilter.New()
	j.filter.Finish()
}

// LoadFilter loads a filter from a file, whatever the mark in it, and returns how
// much memory it uses.
func LoadFilter(file []byte) (int, error) {
	f := idfilter.New()
	var mark idfilter.Mark
	if len(file) > len(mark) {
		copy(mark[:], file[1:])
	}
	err := f.Load(bytes.NewReader(file), mark)
	return f.Bytes(), err
}

// PlaceOfMachine tells where files of the machine are.
var PlaceOfMachine func(string) (Place, error) = place.Of

// PassHomeInterval makes the next commit draw another number.
func (j *Journal) PassHomeInterval() { j.home.drawn = j.home.drawn.Add(-2 * homeEvery) }

// FilterBlocks returns an offset in each filter block of a table.
func FilterBlocks(fs vfs.FS, path string) (places []int, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return nil, err
	}
	j := &Journal{disk: &store.Disk{FS: fs, Dir: fs.PathDir(path)}, readOnly: true}
	lock, err := j.lockDir(nil)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	r, err := sstable.NewReader(context.Background(), readable, store.ReaderOptions(lock.Options()))
	if err != nil {
		return nil, err
	}
	layout, err := r.Layout()
	if err != nil {
		return nil, err
	}
	for _, b := range layout.Filter {
		places = append(places, int(b.Offset)+int(b.Length)/2)
	}
	return places, r.Close()
}

// BatchKey and CertificateKey name a batch and a certificate.
func BatchKey(b ledger.BranchID, last uint64) []byte { return appendBatchKey(nil, b, last) }
func CertificateKey(f ledger.Fingerprint) []byte     { return appendCertificateKey(nil, f) }
