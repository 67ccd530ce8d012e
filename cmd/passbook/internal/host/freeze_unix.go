//go:build unix

package host

import (
	"os"
	"syscall"
)

// freeze makes the system stop a process, and unfreeze lets it go on.
func freeze(p *os.Process) error   { return p.Signal(syscall.SIGSTOP) }
func unfreeze(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
