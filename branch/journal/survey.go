package journal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/vfs"

	"passbook.example/passbook/branch/journal/internal/store"
	"passbook.example/passbook/branch/journal/internal/walcheck"
)

// survey reads a store before Pebble recovers it, and changes nothing. It finds
// what recovery would silently pass over: damage in the logs (package walcheck), and
// a log whose commits don't follow what the tables have.
type survey struct {
	disk *store.Disk // has the store's directory
	// order is that of the last batch that is known to be there.
	order uint64
	// identity is the value of the identity, nil if there is none.
	identity []byte
}

// look returns a *DamageError when the store has lost something that was
// synced, as far as that can be told; and otherwise the stored identity, nil if
// there is none.
func (j *Journal) look(opts *pebble.Options) ([]byte, error) {
	desc, err := pebble.Peek(j.disk.Dir, j.disk)
	if err != nil {
		return nil, err
	}
	if !desc.Exists {
		return nil, j.lookAtNothing()
	}
	s := survey{disk: j.disk}
	if err := s.options(desc.OptionsFilename, opts); err != nil {
		return nil, err
	}
	if err := s.manifest(desc.ManifestFilename); err != nil {
		return nil, err
	}
	logs, err := s.tables(opts)
	if err != nil {
		return nil, err
	}
	for i, path := range logs {
		if err := s.log(path, i == len(logs)-1); err != nil {
			return nil, err
		}
	}
	return s.identity, nil
}

// lookAtNothing checks that a directory without a store never had one: Pebble
// would make a new one and remove what is left of the other.
func (j *Journal) lookAtNothing() error {
	names, err := j.disk.List(j.disk.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == markFile || name == homeFile || strings.HasSuffix(name, store.LogSuffix) || strings.HasSuffix(name, store.TableSuffix) {
			return j.damaged("file "+name, "it belongs to a store that is gone")
		}
	}
	return nil
}

func (s *survey) damaged(place string, offset int, format string, args ...any) error {
	return &DamageError{Dir: s.disk.Dir, Place: fmt.Sprintf("%s, offset %d", place, offset), Problem: fmt.Sprintf(format, args...)}
}

// options checks the file in which Pebble keeps the options of the last run.
// It is written and synced under another name first.
func (s *survey) options(path string, opts *pebble.Options) error {
	if path == "" {
		return nil
	}
	data, err := readFile(s.disk, path)
	if err == nil {
		opts = opts.Clone()
		opts.EnsureDefaults()
		err = opts.CheckCompatibility(s.disk.Dir, string(data))
	}
	if err != nil {
		return s.damaged(s.disk.PathBase(path), 0, "%v", err)
	}
	return nil
}

func (s *survey) manifest(path string) error {
	data, err := readFile(s.disk, path)
	if err != nil {
		return err
	}
	end, err := walcheck.Manifest(data, func(int, []byte) error { return nil })
	if err == nil && end.Damage != "" {
		err = s.damaged(s.disk.PathBase(path), end.Offset, "%s", end.Damage)
	}
	return err
}

// tables reads the order in the tables, and returns the logs that come on top
// of them, oldest first.
func (s *survey) tables(opts *pebble.Options) ([]string, error) {
	hidden := &hiddenLogs{FS: s.disk}
	o := *opts
	o.FS, o.ReadOnly = hidden, true
	db, err := store.OpenWith(s.disk.Dir, &o)
	if err != nil {
		return nil, err
	}
	j := Journal{disk: s.disk, db: db}
	var flushed state
	err = s.checkTables(db, opts)
	if err == nil {
		err = get(&j, stateKey, &flushed, decodeState)
	}
	s.order = flushed.order
	if err == nil {
		err = get(&j, identityKey, &s.identity, func(_, value []byte) ([]byte, error) { return slices.Clone(value), nil })
	}
	return hidden.logs, errors.Join(err, db.Close())
}

// checkTables reads the indexes and filters of the tables. The entries themselves
// are checked when they are read: reading them all takes too long for a start.
func (s *survey) checkTables(db *pebble.DB, opts *pebble.Options) error {
	readers := store.ReaderOptions(opts)
	return store.EachTable(db, func(name string) error {
		if err := store.CheckTable(s.disk.FS, s.disk.PathJoin(s.disk.Dir, name), readers, false); err != nil {
			return &DamageError{Dir: s.disk.Dir, Place: "file " + name, Problem: err.Error()}
		}
		return nil
	})
}

// log checks a log, and that its commits follow those known so far.
func (s *survey) log(path string, last bool) error {
	name := s.disk.PathBase(path)
	number, err := strconv.ParseUint(strings.TrimSuffix(name, store.LogSuffix), 10, 32)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	data, err := readFile(s.disk, path)
	if err != nil {
		return err
	}
	end, err := walcheck.Log(data, number, func(offset int, record []byte) error { return s.commit(name, offset, record) })
	switch {
	case err != nil || end.Closed:
		return err
	case !last:
		return s.damaged(name, end.Offset, "the log was closed and a later one begun, and yet it breaks off here")
	case end.Damage != "":
		return s.damaged(name, end.Offset, "%s", end.Damage)
	}
	return nil
}

// commit follows one record of a log. A log may repeat what a table has already,
// but nothing may be missing between them.
func (s *survey) commit(name string, offset int, record []byte) error {
	if len(record) < batchrepr.HeaderLen {
		return s.damaged(name, offset, "the record is no commit")
	}
	batches, after, known, mended := uint64(0), state{}, false, false
	for r := batchrepr.Read(record); ; {
		kind, key, value, ok, err := r.Next()
		switch {
		case err != nil:
			return s.damaged(name, offset, "the record is no commit: %v", err)
		case !ok && !known:
			return nil
		case !ok && after.order-batches > s.order:
			return s.damaged(name, offset, "the commit begins after the batch of order %d, and those from order %d on are missing", after.order-batches, s.order+1)
		case !ok:
			if s.order = max(s.order, after.order); mended {
				s.order = after.order
			}
			return nil
		case string(key) == string(stateKey):
			if after, err = decodeState(key, value); err != nil {
				return s.damaged(name, offset, "%v", err)
			}
			known = true
		case string(key) == string(identityKey):
			s.identity = slices.Clone(value)
		case len(key) > 0 && key[0] == batchTable && kind == pebble.InternalKeyKindDelete:
			mended = true // the only one that deletes batches: it numbers what comes after them anew
		case len(key) > 0 && key[0] == batchTable:
			stored, err := decodeBatch(key, value)
			if err != nil {
				return s.damaged(name, offset, "%v", err)
			}
			if stored.order > s.order { // else only its signature is new
				batches++
			}
		}
	}
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

// hiddenLogs is a file system that shows the write-ahead logs empty, and records
// which were opened: those that recovery needs.
type hiddenLogs struct {
	vfs.FS
	logs []string // their paths, in the order in which they were opened
}

// Open implements vfs.FS.
func (h *hiddenLogs) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if !strings.HasSuffix(name, store.LogSuffix) {
		return h.FS.Open(name, opts...)
	}
	h.logs = append(h.logs, name)
	return vfs.NewMemFile(nil), nil
}
