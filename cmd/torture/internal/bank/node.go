package bank

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/road"
)

// Node is one branch of the bank: its data directory and, while it runs, its
// process.
type Node struct {
	// ID is the id of the branch.
	ID uint32
	// bank is the one that it belongs to.
	bank *Bank
	// data is the directory of the branch's data.
	data string
	// log is what its processes write.
	log *os.File

	// mu guards the process, which is nil while none runs.
	mu      sync.Mutex
	process *process
	// started is when the process was.
	started time.Time
	// fullDisk says that the process is meant to end by itself.
	fullDisk bool
	// copies counts the copies of the data directory; Older is the newest one
	// that may be restored, empty for none.
	copies int
	Older  string
}

// command returns the arguments of the passbook binary for this branch.
func (n *Node) command() []string {
	args := []string{
		"serve", n.bank.input, "--branch", fmt.Sprint(n.ID), "--data", n.data,
		"--base-port", fmt.Sprint(n.bank.Ports.Base),
	}
	for _, to := range history.BranchIDs {
		if to != n.ID {
			args = append(args, "--peer", fmt.Sprintf("%d=%s", to, road.HostPort(n.bank.Ports.Road(n.ID, to))))
		}
	}
	return args
}

// Start starts the branch unless it runs. With a limit, no file of its can grow
// beyond so many bytes.
func (n *Node) Start(limit uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil && n.process.running() {
		return nil
	}
	fmt.Fprintf(n.log, "--- %s start, file limit %d\n", n.bank.clock(), limit)
	p, err := n.bank.launcher.start(n.log, limit, n.died, n.bank.passbook, n.command()...)
	if err != nil {
		return fmt.Errorf("start branch %d: %w", n.ID, err)
	}
	n.process, n.started, n.fullDisk = p, time.Now(), limit > 0
	return nil
}

// died notes the end of the process, before anybody can start the next one.
func (n *Node) died() { n.bank.History.AddDeath(history.Death{Branch: n.ID, At: n.bank.Now()}) }

// Kill ends the branch by SIGKILL and waits until it is gone.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL, 5*time.Second) }

// Stop asks the branch to stop, which it promises within 5 s.
func (n *Node) Stop() error { return n.end(syscall.SIGTERM, 8*time.Second) }

func (n *Node) end(s syscall.Signal, patience time.Duration) error {
	n.mu.Lock()
	p, age := n.process, time.Since(n.started)
	n.process = nil
	n.mu.Unlock()
	if p == nil {
		return nil
	}
	fmt.Fprintf(n.log, "--- %s signal %v\n", n.bank.clock(), s)
	p.signal(s)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		<-p.done
		return fmt.Errorf("branch %d was still there %v after signal %q", n.ID, patience, s)
	}
	early := age < deafFor && endedBy(p.err, s)
	if s == syscall.SIGTERM && !stoppedBy(p.err, s) && !early {
		how := "exit status 0"
		if p.err != nil {
			how = p.err.Error()
		}
		return fmt.Errorf("branch %d ended with %s when it was asked to stop, want exit code %d", n.ID, how, 128+int(s))
	}
	return nil
}

// stoppedBy says whether a process has ended as one does that a signal asked to.
func stoppedBy(err error, s syscall.Signal) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 128+int(s)
}

// deafFor is how long a process may take until it handles signals. One that
// comes earlier ends it at once, as SIGKILL does.
const deafFor = time.Second

// endedBy says whether it was a signal that ended a process.
func endedBy(err error, s syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// Freeze stops the process where it is.
func (n *Node) Freeze() { n.onProcess("freeze", (*process).freeze) }

// Thaw lets the process go on.
func (n *Node) Thaw() { n.onProcess("thaw", (*process).thaw) }

func (n *Node) onProcess(what string, do func(*process)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		fmt.Fprintf(n.log, "--- %s %s\n", n.bank.clock(), what)
		do(n.process)
	}
}

// ErrStillThere says that a branch runs on although its disk is full.
var ErrStillThere = errors.New("it has not stopped")

// Fill lets none of the branch's files grow any more, and waits until the
// branch has ended by itself.
func (n *Node) Fill(limit uint64, patience time.Duration) error {
	n.mu.Lock()
	p := n.process
	n.fullDisk = true
	n.mu.Unlock()
	if p == nil {
		return fmt.Errorf("branch %d does not run", n.ID)
	}
	fmt.Fprintf(n.log, "--- %s disk is full: file limit %d\n", n.bank.clock(), limit)
	if err := p.limitFiles(limit); err != nil {
		return err
	}
	return n.await(p, patience)
}

// AwaitEnd waits until the branch, which was started with a full disk, has ended.
func (n *Node) AwaitEnd(patience time.Duration) error {
	n.mu.Lock()
	p := n.process
	n.mu.Unlock()
	return n.await(p, patience)
}

// await waits until a branch whose disk is full has ended.
func (n *Node) await(p *process, patience time.Duration) error {
	select {
	case <-p.done:
	case <-time.After(patience):
		return ErrStillThere
	}
	if p.err == nil {
		return fmt.Errorf("branch %d ended with exit code 0 when its disk was full", n.ID)
	}
	return nil
}

// ended says how the branch's process ended, if it did and nobody ended it.
func (n *Node) ended() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || n.process.running() || n.fullDisk {
		return nil
	}
	if n.process.err == nil {
		return fmt.Errorf("branch %d ended by itself, with exit code 0", n.ID)
	}
	return fmt.Errorf("branch %d ended by itself: %w", n.ID, n.process.err)
}

// CopyData copies the data directory of the branch, which must not run.
func (n *Node) CopyData() error {
	n.copies++
	to := filepath.Join(n.bank.Dir, fmt.Sprintf("copy-%d-%d", n.ID, n.copies))
	if err := os.CopyFS(to, os.DirFS(n.data)); err != nil {
		return fmt.Errorf("copy the data of branch %d: %w", n.ID, err)
	}
	return n.dropCopy(to)
}

// dropCopy removes the copy there is and notes another one, or none.
func (n *Node) dropCopy(next string) error {
	var err error
	if n.Older != "" {
		err = os.RemoveAll(n.Older)
	}
	n.Older = next
	return err
}

// Wipe removes the data of the branch, which must not run. Older copies may
// hold what is lost by it, and would bring it back against what follows.
func (n *Node) Wipe() error { return errors.Join(os.RemoveAll(n.data), n.dropCopy("")) }

// Restore puts the older copy in the place of the data of the branch, which
// must not run.
func (n *Node) Restore() error {
	if err := os.RemoveAll(n.data); err != nil {
		return err
	}
	older := n.Older
	n.Older = ""
	return os.Rename(older, n.data)
}

// LongestFile is the size of the largest file of the branch.
func (n *Node) LongestFile() uint64 {
	var longest int64
	_ = filepath.WalkDir(n.data, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it may have gone meanwhile
		}
		if info, err := d.Info(); err == nil {
			longest = max(longest, info.Size())
		}
		return nil
	})
	return uint64(longest)
}
