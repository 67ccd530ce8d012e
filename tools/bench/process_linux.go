package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a server that was told to stop may take before it is
// killed.
const stopTimeout = 10 * time.Second

// process is a server that this program has started.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	// ending is the signal that ends it in an orderly way.
	ending syscall.Signal
	// done is closed when the process is gone; err says how it ended.
	done chan struct{}
	err  error
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// servers starts and stops processes. It starts them all from one thread: the
// system kills what still runs when that thread ends, and so when this process
// does, however it ends.
type servers struct {
	jobs chan func()
	done chan struct{}
	// running are those that nobody has stopped, in the order of their start.
	// They belong to the goroutine that measures.
	running []*process
	logs    string
}

// newServers has the logs of servers written to a directory.
func newServers(logs string) *servers {
	s := &servers{jobs: make(chan func()), done: make(chan struct{}), logs: logs}
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for job := range s.jobs {
			job()
		}
	}()
	return s
}

// close stops what runs, the last one first.
func (s *servers) close() error {
	var errs []error
	for len(s.running) > 0 {
		errs = append(errs, s.stop(s.running[len(s.running)-1]))
	}
	close(s.jobs)
	<-s.done
	return errors.Join(errs...)
}

// command is what to start.
type command struct {
	// name is unique among those that run; it names the log.
	name string
	path string
	args []string
	dir  string
	env  []string
	// user, when not nil, is who the process runs as.
	user *syscall.Credential
	// ending is the signal that ends it in an orderly way; 0 stands for SIGTERM.
	ending syscall.Signal
}

// start starts a server. That it serves is for the caller to find out.
func (s *servers) start(c command) (*process, error) {
	p := &process{name: c.name, cmd: exec.Command(c.path, c.args...), ending: c.ending, done: make(chan struct{})}
	if p.ending == 0 {
		p.ending = syscall.SIGTERM
	}
	p.log = filepath.Join(s.logs, strings.ReplaceAll(c.name, " ", "-")+".log")
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }() // the child has a descriptor of its own
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir, p.cmd.Env = c.dir, append(os.Environ(), c.env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true, Credential: c.user}
	started := make(chan error)
	s.jobs <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	s.running = append(s.running, p)
	return p, nil
}

// stop ends a server in an orderly way, and kills it if it takes too long.
func (s *servers) stop(p *process) error { return s.end(p, p.ending) }

// kill ends a server at once, as a crash does.
func (s *servers) kill(p *process) error { return s.end(p, syscall.SIGKILL) }

func (s *servers) end(p *process, how syscall.Signal) error {
	for i, q := range s.running {
		if q == p {
			s.running = append(s.running[:i:i], s.running[i+1:]...)
			break
		}
	}
	_ = p.cmd.Process.Signal(how) // gone already: nothing to signal
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		return nil
	case <-timeout.C:
	}
	_ = p.cmd.Process.Kill() // as above
	<-p.done
	return fmt.Errorf("%s did not stop within %s and was killed; its log: %s", p.name, stopTimeout, p.log)
}

// stopAll stops several servers, the last one first.
func (s *servers) stopAll(processes []*process) error {
	var errs []error
	for i := len(processes) - 1; i >= 0; i-- {
		errs = append(errs, s.stop(processes[i]))
	}
	return errors.Join(errs...)
}

// pollDelay lies between two questions to a server that is starting.
const pollDelay = 5 * time.Millisecond

const (
	// startTimeout is how long servers may take to serve.
	startTimeout = 60 * time.Second
	// askTimeout is how long one question may take: a cluster that has no
	// leader yet may leave it unanswered.
	askTimeout = 5 * time.Second
)

// until asks again and again until ask succeeds, a process has ended, or too
// much time has passed.
func until(ctx context.Context, what string, processes []*process, ask func(context.Context) error) error {
	return untilWithin(ctx, what, startTimeout, processes, ask)
}

// untilWithin is until with another time-out.
func untilWithin(ctx context.Context, what string, within time.Duration, processes []*process, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	ticker := time.NewTicker(pollDelay)
	defer ticker.Stop()
	for {
		asking, done := context.WithTimeout(ctx, askTimeout)
		err := ask(asking)
		done()
		if err == nil {
			return nil
		}
		for _, p := range processes {
			select {
			case <-p.done:
				return fmt.Errorf("%s: %s ended: %w\n%s", what, p.name, errors.Join(p.err), tail(p.log))
			default:
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, within, err)
		case <-ticker.C:
		}
	}
}

// tail returns the last lines of a log.
func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	const most = 2000
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return file + ":\n" + string(bytes.TrimSpace(b))
}

// output runs a command that ends by itself, and returns what it prints.
func output(ctx context.Context, c command) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c.name, err, strings.TrimSpace(complained.String()))
	}
	return strings.TrimSpace(said.String()), nil
}
