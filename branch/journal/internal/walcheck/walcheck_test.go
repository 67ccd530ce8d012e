package walcheck_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/batchrepr"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"

	"passbook.example/passbook/branch/journal/internal/walcheck"
)

const (
	block = 32 << 10
	// header and manifestHeader are the sizes of the headers of chunks.
	header, manifestHeader = 19, 7
	// trailer is the size of the bytes with which Pebble closes a log.
	trailer = 11
)

// log is a log that Pebble wrote.
type log struct {
	data []byte
	// number is 0 for a manifest.
	number uint64
}

func (l log) String() string {
	if l.number == 0 {
		return "manifest"
	}
	return "log"
}

// with returns the log with other bytes.
func (l log) with(data []byte) log { return log{data, l.number} }

// writeLog makes Pebble write records of these sizes to a log, each synced before
// the next, and close it. The log's number is even, so one flipped bit makes it
// the next log's.
func writeLog(t testing.TB, sizes ...int) log {
	t.Helper()
	fs := vfs.NewMem()
	db, err := pebble.Open("store", &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatTableFormatV6, Logger: quiet{}, DisableAutomaticCompactions: true})
	if err != nil {
		t.Fatal(err)
	}
	var l log
	for l.number < 5 || l.number%2 > 0 { // the first log doesn't say how far it is synced
		if err := errors.Join(db.Set([]byte("key"), nil, pebble.Sync), db.Flush()); err != nil {
			t.Fatal(err)
		}
		logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: "store"})
		if err != nil {
			t.Fatal(err)
		}
		l.number = uint64(logs[len(logs)-1].Num)
	}
	for i, size := range sizes {
		if err := db.LogData(content(i, size-batchHeader(size)), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Open(fmt.Sprintf("store/%06d.log", l.number))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if l.data, err = io.ReadAll(f); err != nil {
		t.Fatal(err)
	}
	return l
}

// batchHeader returns the size of what Pebble puts before the data of a record.
func batchHeader(size int) int {
	return batchrepr.HeaderLen + 1 + len(binary.AppendUvarint(nil, uint64(size)))
}

// writeManifest is like writeLog, for a manifest.
func writeManifest(t testing.TB, sizes ...int) log {
	t.Helper()
	var out bytes.Buffer
	w := record.NewWriter(&out)
	for i, size := range sizes {
		if _, err := w.WriteRecord(content(i, size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return log{data: out.Bytes()}
}

func content(i, size int) []byte { return bytes.Repeat([]byte{0xd8 + byte(i)}, size) }

type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// read reads a log, and returns the sizes of its records and where they begin.
func (l log) read(t testing.TB) (sizes, begins []int, end walcheck.End) {
	t.Helper()
	end, err := l.visit(func(offset int, record []byte) error {
		data := record
		if l.number > 0 {
			data = record[batchHeader(len(record)):]
		}
		if !bytes.Equal(data, content(len(sizes), len(data))) {
			t.Errorf("record %d of the %v is not the one that was written", len(sizes), l)
		}
		sizes, begins = append(sizes, len(record)), append(begins, offset)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sizes, begins, end
}

func (l log) visit(visit func(int, []byte) error) (walcheck.End, error) {
	if l.number == 0 {
		return walcheck.Manifest(l.data, visit)
	}
	return walcheck.Log(l.data, l.number, visit)
}

// pebbleFindsDamage reports whether Pebble's reader notices damage where the
// records end. It treats everything else as the end.
func (l log) pebbleFindsDamage() bool {
	if l.number == 0 {
		return findsDamage(record.NewReader(bytes.NewReader(l.data), 0))
	}
	logs, err := wal.Scan(wal.Dir{FS: oneFile(l), Dirname: ""})
	if err != nil {
		panic(err)
	}
	r := logs[0].OpenForRead()
	defer r.Close()
	for {
		if _, _, err := r.NextRecord(); err != nil {
			return !errors.Is(err, io.EOF) && !errors.Is(err, record.ErrUnexpectedEOF)
		}
	}
}

func findsDamage(r *record.Reader) bool {
	for {
		in, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, in)
		}
		if err != nil {
			return !errors.Is(err, io.EOF) && !errors.Is(err, record.ErrUnexpectedEOF)
		}
	}
}

// oneFile returns a file system that has the log.
func oneFile(l log) vfs.FS {
	fs := vfs.NewMem()
	f, err := fs.Create(fmt.Sprintf("%06d.log", l.number), vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(bytes.Clone(l.data))
	}
	if err = errors.Join(err, f.Close()); err != nil {
		panic(err)
	}
	return fs
}

// Records are read as they were written: small ones, those of several blocks,
// and those after the padding of a block, however much room is left in it.
func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	for room := range 2 * header {
		for _, size := range []int{header, manifestHeader} {
			sizes := []int{block - size - room, 40, 2*block + 100, 50}
			l := writeManifest(t, sizes...)
			if size == header {
				l = writeLog(t, sizes...)
			}
			second := block - room
			if room < size {
				second = block
			}
			got, begins, end := l.read(t)
			if !slices.Equal(got, sizes) || begins[0] != 0 || begins[1] != second {
				t.Errorf("%v with %d bytes left: records of %v at %v, want %v and the second at %d", l, room, got, begins, sizes, second)
			}
			if end.Damage != "" || end.Closed != (l.number > 0) {
				t.Errorf("%v with %d bytes left: %+v", l, room, end)
			}
		}
	}
}

// An error of visit ends the reading.
func TestTheVisitEndsTheReading(t *testing.T) {
	enough := errors.New("enough")
	visits := 0
	if _, err := writeLog(t, 20, 30).visit(func(int, []byte) error { visits++; return enough }); !errors.Is(err, enough) || visits != 1 {
		t.Errorf("%d visits, %v", visits, err)
	}
}

// Wherever a crash cuts a log off, that is no damage, and neither are the zeros
// that a log is filled with.
func TestACrashIsNotTakenForDamage(t *testing.T) {
	sizes := []int{100, 6000, 200}
	for _, l := range []log{writeLog(t, sizes...), writeManifest(t, sizes...)} {
		for n := 0; n < len(l.data)-trailer; n += 1 + n/150*400 {
			for _, zeros := range []int{0, 40 << 10} {
				cut := append(bytes.Clone(l.data[:n]), make([]byte, zeros)...)
				if _, _, end := l.with(cut).read(t); end.Closed || end.Damage != "" || end.Offset > n {
					t.Errorf("%v, cut to %d bytes, then %d zeros: %+v", l, n, zeros, end)
				}
			}
		}
	}
}

// Every flipped bit is found, unless it is in the trailer: without that the log
// looks like one that was not closed.
func TestEveryFlippedBitIsFound(t *testing.T) {
	sizes := []int{20, 30, 60, 25}
	for _, l := range []log{writeLog(t, sizes...), writeManifest(t, sizes...)} {
		size := len(l.data)
		if l.number > 0 {
			size -= trailer
		}
		for at := range size {
			for bit := range 8 {
				flipped := bytes.Clone(l.data)
				flipped[at] ^= 1 << bit
				if _, _, end := l.with(flipped).read(t); end.Damage != "one bit was flipped" || end.Offset > at {
					t.Errorf("%v, bit %d of byte %d of %d: %+v", l, bit, at, size, end)
				}
			}
		}
	}
}

// Each kind of damage for which this package exists passes Pebble's own reader
// unnoticed. If that changes, the kind can be left to Pebble.
func TestDamageThatPebblesReaderPassesOver(t *testing.T) {
	gap := func(from, to int) func([]byte) { return func(data []byte) { clear(data[from:to]) } }
	flip := func(at int, bit byte) func([]byte) { return func(data []byte) { data[at] ^= bit } }
	// Pebble does not count what it writes as a whole block when it says how far a
	// log is synced, so a block is filled with small records.
	small := slices.Repeat([]int{2000 - header}, 16)
	padded := append(small, block-16*2000-header-5, 20, 30, 40, 50)
	for _, tt := range []struct {
		name   string
		log    log
		change func([]byte)
		want   string
	}{
		{"a bit of the checksum", writeLog(t, 20, 30), flip(0, 1), "one bit was flipped"},
		{"a bit of the length", writeLog(t, 20, 30), flip(5, 1), "one bit was flipped"},
		{"a bit of the type", writeLog(t, 20, 30), flip(6, 4), "one bit was flipped"},
		{"a bit that makes the number the next log's", writeLog(t, 20, 30), flip(7, 1), "one bit was flipped"},
		{"any bit in the manifest", writeManifest(t, 20, 30), flip(10, 1), "one bit was flipped"},
		{"padding that is none", writeLog(t, append(padded, small[:2]...)...), flip(block-3, 2), "was synced"},
		{"a gap in the last block", writeLog(t, 20, 30, 40, 50), gap(0, 30), "was synced"},
		{"a gap before a second one", writeLog(t, append(padded, small[:2]...)...), gap(0, block+100), "was synced"},
		{"a gap in the manifest", writeManifest(t, 20, 2*block, 30), gap(0, 20), "was synced"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.change(tt.log.data)
			if tt.log.pebbleFindsDamage() {
				t.Error("Pebble's reader finds it")
			}
			if _, _, end := tt.log.read(t); end.Closed || !strings.Contains(end.Damage, tt.want) {
				t.Errorf("%+v, want %q", end, tt.want)
			}
		})
	}
}

// A log is closed only by the whole trailer.
func TestALogIsClosedByItsTrailer(t *testing.T) {
	l := writeLog(t, 20)
	begin := bytes.LastIndexByte(bytes.TrimRight(l.data, "\x00"), byte(l.number+1)) - manifestHeader
	if _, _, end := l.read(t); !end.Closed || end.Offset != begin {
		t.Errorf("%+v, want it closed at %d", end, begin)
	}
	for at := range trailer {
		changed := bytes.Clone(l.data)
		changed[begin+at] ^= 16
		if _, _, end := l.with(changed).read(t); end.Closed || end.Offset != begin {
			t.Errorf("with byte %d of the trailer changed: %+v", at, end)
		}
	}
}
