package store

import "runtime"

// TableSuffix ends the names of tables.
const TableSuffix = ".sst"

// tableFile is a table that a flush or a compaction writes. These are long pieces
// of work that nobody waits for, so after each block they give way to other
// goroutines. In a process with one processor (see shareProcessors in
// cmd/passbook/internal/host) they would otherwise occupy it for 10 ms at a time, and
// each goroutine that a call goes through would wait that long.
type tableFile struct{ *diskFile }

// Write implements io.Writer.
func (f *tableFile) Write(p []byte) (int, error) {
	runtime.Gosched()
	return f.diskFile.Write(p)
}
