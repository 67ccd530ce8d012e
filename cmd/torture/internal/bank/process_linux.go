package bank

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// launchEnv makes this binary start a branch in its place.
const launchEnv = "PASSBOOK_TORTURE_LAUNCH"

// ExitLaunch is the exit code when a branch could not be started.
const ExitLaunch = 3

// IsLaunch says whether this process is to become a branch.
func IsLaunch() bool { return os.Getenv(launchEnv) != "" }

// BecomeBranch replaces this process by the command that its arguments name. It
// returns only with an error. The command starts with SIGXFSZ blocked, so that
// a write beyond the file-size limit fails with an error, as on a full disk,
// and no signal ends the process.
func BecomeBranch() error {
	runtime.LockOSThread()
	mask := uint64(1) << (uint(syscall.SIGXFSZ) - 1)
	const block = 0 // SIG_BLOCK
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, block, uintptr(unsafe.Pointer(&mask)), 0, unsafe.Sizeof(mask), 0, 0)
	if errno != 0 {
		return fmt.Errorf("block SIGXFSZ: %w", errno)
	}
	env := os.Environ()
	for i, v := range env {
		if strings.HasPrefix(v, launchEnv+"=") {
			env = append(env[:i:i], env[i+1:]...)
			break
		}
	}
	return fmt.Errorf("start %s: %w", os.Args[1], syscall.Exec(os.Args[1], os.Args[1:], env))
}

// launcher starts processes, all from one thread: the system kills them when
// that thread ends, and so when this process does.
type launcher struct {
	// jobs are what its thread is to do; done is closed when that has ended.
	jobs chan func()
	done chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

// close ends the launcher, and with it whatever it started that still runs.
func (l *launcher) close() {
	close(l.jobs)
	<-l.done
}

// process is one life of a branch.
type process struct {
	// cmd is the process itself.
	cmd *exec.Cmd
	// done is closed when the process is gone; err says how it ended.
	done chan struct{}
	// err says how it ended, once done is closed.
	err error
}

// start starts a command that writes its log to w, and calls died when it has
// ended. With a limit greater than 0, no file of the process can grow beyond so
// many bytes.
func (l *launcher) start(w io.Writer, limit uint64, died func(), name string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, append([]string{name}, args...)...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), launchEnv+"=1")
	// A pipe, and not the file, since the file-size limit would also cut the
	// log short.
	p.cmd.Stderr = struct{ io.Writer }{w}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	l.jobs <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	if limit > 0 {
		if err := p.limitFiles(limit); err != nil {
			_ = p.cmd.Process.Kill()
			return nil, err
		}
	}
	go func() {
		p.err = p.cmd.Wait()
		died()
		close(p.done)
	}()
	return p, nil
}

// limitFiles lets no file of the running process grow beyond so many bytes.
func (p *process) limitFiles(bytes uint64) error {
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(p.cmd.Process.Pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("limit the files of process %d: %w", p.cmd.Process.Pid, errno)
	}
	return nil
}

// signal sends a signal to the process, unless it is gone.
func (p *process) signal(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s) // gone already: nothing to signal
}

// freeze stops the process where it is, and thaw lets it go on.
func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

// running says whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}
