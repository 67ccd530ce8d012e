//go:build unix

package host

import (
	"os"
	"syscall"
)

// freeze has the system stop a process, and unfreeze has it go on.
func freeze(p *os.Process) error   { return p.Signal(syscall.SIGSTOP) }
func unfreeze(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
