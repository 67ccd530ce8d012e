//go:build unix

package host

import (
	"os"
	"syscall"
)

// freeze pauses a process, and unfreeze resumes it.
func freeze(p *os.Process) error   { return p.Signal(syscall.SIGSTOP) }
func unfreeze(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
