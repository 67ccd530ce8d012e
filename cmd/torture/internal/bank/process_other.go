//go:build !linux

package bank

import (
	"errors"
	"io"
	"syscall"
)

// errLinux says that the faults are made of what only Linux has.
var errLinux = errors.New("torture needs Linux")

// ExitLaunch is the exit code when a branch could not be started.
const ExitLaunch = 3

// IsLaunch says whether this process is to become a branch.
func IsLaunch() bool { return false }

// BecomeBranch would become a branch.
func BecomeBranch() error { return errLinux }

type launcher struct{}

func newLauncher() *launcher { return &launcher{} }

func (l *launcher) close() {}

func (l *launcher) start(io.Writer, uint64, func(), string, ...string) (*process, error) {
	return nil, errLinux
}

type process struct {
	done chan struct{}
	err  error
}

func (p *process) limitFiles(uint64) error { return errLinux }

func (p *process) signal(syscall.Signal) {}

func (p *process) freeze() {}

func (p *process) thaw() {}

func (p *process) running() bool { return false }
