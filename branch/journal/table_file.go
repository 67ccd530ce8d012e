package journal

import "runtime"

const tableSuffix = ".sst"

// tableFile is a table that is being written by a flush or a compaction. Those
// are long pieces of work that nobody waits for: after each block they let run
// whoever wants to. Where a process has one processor (see openBank in
// cmd/passbook) they would else hold it for 10 ms at a time, which every
// goroutine that a call goes through would wait for.
type tableFile struct{ *diskFile }

func (f *tableFile) Write(p []byte) (int, error) {
	runtime.Gosched()
	return f.diskFile.Write(p)
}
