package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// callers is how many callers call at once wherever a load is measured.
const callers = 32

// bench is one run of all goals that were asked for.
type bench struct {
	options options
	// self is this binary, which the limits run as.
	self    string
	dir     string
	servers *servers
	machine machine
	began   time.Time
	errOut  io.Writer

	rows    []row
	skipped []string
	records []record
}

func newBench(o options, errOut io.Writer) (*bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if o.passbook, err = find(filepath.Base(o.passbook), pathOf(o.passbook), "make build, or --passbook"); err != nil {
		return nil, err
	}
	if o.before != "" {
		if o.before, err = find(filepath.Base(o.before), pathOf(o.before), "make bench BEFORE=REVISION builds it"); err != nil {
			return nil, err
		}
	}
	if o.examples, err = filepath.Abs(o.examples); err != nil {
		return nil, err
	}
	if o.dir != "" {
		if o.dir, err = filepath.Abs(o.dir); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(o.dir, 0o755); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(o.dir, "passbook-bench-")
	if err != nil {
		return nil, err
	}
	// PostgreSQL runs as another user, who must get to its directory.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	b := &bench{options: o, self: self, dir: dir, servers: newServers(dir), machine: lookAtMachine(dir), began: time.Now(), errOut: errOut}
	if b.machine.Disk == fileSystems[memoryFileSystem] {
		b.progress("warning: %s is in memory, where a sync costs nothing; --dir names a directory on a disk", dir)
	}
	b.machine.Versions["Passbook"], err = output(context.Background(), command{name: o.passbook, path: o.passbook, args: []string{"version"}})
	if err != nil {
		return nil, errors.Join(err, b.close(false))
	}
	return b, nil
}

// pathOf returns a binary that names a file, and "" for a program on the PATH.
func pathOf(binary string) string {
	if filepath.Base(binary) == binary {
		return ""
	}
	return binary
}

// close stops all servers and removes their data, unless it is to stay.
func (b *bench) close(failed bool) error {
	err := b.servers.close()
	if b.options.keep || failed {
		fmt.Fprintf(b.errOut, "bench: data and logs are kept in %s\n", b.dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// progress prints what the benchmark is doing.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(b.errOut, "%7.1fs %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// tell adds a row to the table.
func (b *bench) tell(r row) { b.rows = append(b.rows, r) }

// absent notes a peer that is not installed, and reports whether the error says
// that.
func (b *bench) absent(err error) bool {
	var a *absentError
	if !errors.As(err, &a) {
		return false
	}
	if line := a.Error(); !slices.Contains(b.skipped, line) {
		b.skipped = append(b.skipped, line)
		b.progress("skipped: %s", line)
	}
	return true
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
