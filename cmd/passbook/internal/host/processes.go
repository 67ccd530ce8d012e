package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"time"

	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/faults"
)

// ReadyWord is the line by which a child tells its parent that it is ready.
const ReadyWord = "ready"

// killTimeout is how long children that were told to stop may take before they
// are killed. They give up by themselves a little earlier.
const killTimeout = stopTimeout + 2*time.Second

// process is a branch that runs in a child process.
type process struct {
	// branch is the id of the branch.
	branch uint32
	// cmd is the process itself.
	cmd *exec.Cmd
	// lifeline is the child's standard input. The child stops when it is closed; the
	// system closes it if this process is killed.
	lifeline io.Closer
	// wire carries questions about faults, over the same two pipes.
	wire *faults.Wire
	// ready is closed when the process is ready, ended when it has ended.
	ready, ended chan struct{}
	// again, killed and paused say whether it was restarted, killed or paused on
	// purpose.
	again, killed, paused bool
}

// isReady reports whether the process has become ready.
func (p *process) isReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// news says that a child is ready, or that it has ended.
type news struct {
	// from is the process of the child.
	from *process
	// ready says that it is ready; else it has ended.
	ready bool
	// err says how the process ended; nil for exit code 0.
	err error
}

// supervisor runs the processes of a bank, one for each branch. One goroutine owns
// it.
type supervisor struct {
	// logger logs what becomes of the processes.
	logger *slog.Logger
	// ids are all branches.
	ids []uint32
	// launch starts the process of a branch.
	launch func(id uint32) error
	// news carries what happens to the processes.
	news chan news
	// orders are for the goroutine that owns the supervisor to carry out.
	orders chan func()
	// faults is nil if nothing is broken on purpose.
	faults *faults.Maker
	// over is closed when all processes have ended.
	over chan struct{}
	// processes are those that run.
	processes map[uint32]*process
	// ready counts the branches that have become ready.
	ready int
	// stopping says that all processes were told to stop.
	stopping bool
	// failures are the errors of branches that ended by themselves or with an error.
	failures []error
}

// Processes say which processes to start, and how.
type Processes struct {
	// IDs are the branches, each of which has a process of its own.
	IDs []uint32
	// Program is the file to run, and Arguments returns its arguments for a branch.
	Program   string
	Arguments func(id uint32) []string
	// Stderr is the standard error of the processes.
	Stderr io.Writer
	// Logger logs when they start and end.
	Logger *slog.Logger
	// Faults lets the bank be broken on purpose.
	Faults bool
}

// ServeProcesses serves each branch in a process of its own until ctx ends or no
// process is left.
func ServeProcesses(ctx context.Context, o Processes) error {
	s := &supervisor{
		logger: o.Logger,
		ids:    o.IDs,
		// A process sends at most two.
		news:      make(chan news, 2*len(o.IDs)),
		orders:    make(chan func()),
		over:      make(chan struct{}),
		processes: make(map[uint32]*process),
	}
	s.launch = func(id uint32) error { return s.start(o.Program, id, o.Arguments(id), o.Stderr) }
	if o.Faults {
		s.faults = faults.NewMaker(s, o.IDs, s.logger)
	}
	for _, id := range o.IDs {
		if err := s.launch(id); err != nil {
			s.failures = append(s.failures, fmt.Errorf("start branch %d: %w", id, err))
			s.stop()
			break
		}
	}
	s.supervise(ctx)
	return errors.Join(s.failures...)
}

// start starts the process of a branch.
func (s *supervisor) start(program string, id uint32, args []string, stderr io.Writer) error {
	p := &process{branch: id, cmd: exec.Command(program, args...), ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Stderr = stderr
	lifeline, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	p.lifeline = lifeline
	var answers fault.Faults
	if s.faults != nil {
		answers = s.faults.For(id)
	}
	p.wire = faults.NewWire(lifeline, s.logger, answers)
	said, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	s.processes[id] = p
	s.logger.Info(fmt.Sprintf("Branch %d is process %d", id, p.cmd.Process.Pid))
	go s.listen(p, said) // ends with the process; supervise waits for that
	return nil
}

// listen sends the news of a process.
func (s *supervisor) listen(p *process, said io.Reader) {
	told := false
	p.wire.Listen(said, func(text string) bool {
		if text == ReadyWord && !told {
			told = true
			s.news <- news{from: p, ready: true}
		}
		return text == ReadyWord
	})
	s.news <- news{from: p, err: p.cmd.Wait()}
}

// supervise runs until all processes have ended. The first signal ends ctx, and so
// tells them to stop. A second signal, or killTimeout, kills those that are left.
func (s *supervisor) supervise(ctx context.Context) {
	done := ctx.Done()
	defer close(s.over)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, exit.StopSignals...)
	defer signal.Stop(signals)
	received := 0
	var overdue <-chan time.Time
	for len(s.processes) > 0 {
		if s.stopping && overdue == nil {
			overdue = time.After(killTimeout)
		}
		select {
		case n := <-s.news:
			s.hear(n)
		case order := <-s.orders:
			order()
		case <-done:
			done = nil
			s.logger.Info("Stopping all branches; press Ctrl-C again to kill them")
			s.stop()
		case <-signals:
			if received++; received > 1 {
				s.killAll("a second signal came")
			}
		case <-overdue:
			s.killAll(fmt.Sprintf("it did not stop within %v", killTimeout))
		}
	}
}

// hear handles the news of a process.
func (s *supervisor) hear(n news) {
	if n.ready {
		close(n.from.ready)
		if n.from.again {
			s.logger.Info(ReadyLine([]uint32{n.from.branch}))
		} else if s.ready++; s.ready == len(s.ids) {
			s.logger.Info(ReadyLine(s.ids))
		}
		return
	}
	delete(s.processes, n.from.branch)
	close(n.from.ended)
	_ = n.from.lifeline.Close() // its reader is gone already
	how := "exit status 0"
	if n.err != nil {
		how = n.err.Error()
	}
	switch {
	case n.from.killed, s.stopping && n.err == nil:
		return
	case s.stopping:
		s.failures = append(s.failures, fmt.Errorf("branch %d ended: %s", n.from.branch, how))
		return
	}
	s.failures = append(s.failures, fmt.Errorf("branch %d ended by itself: %s", n.from.branch, how))
	if !n.from.isReady() && !n.from.again {
		s.logger.Error(fmt.Sprintf("Branch %d ended before it was ready: %s; stopping all", n.from.branch, how))
		s.stop()
		return
	}
	s.logger.Error(fmt.Sprintf("Branch %d ended: %s; the others go on, and 'passbook serve FILE --branch %d' starts it again", n.from.branch, how, n.from.branch))
}

// stop tells all processes to stop.
func (s *supervisor) stop() {
	s.stopping = true
	for _, p := range s.processes {
		if p.paused {
			_ = unfreeze(p.cmd.Process)
		}
		_ = p.lifeline.Close() // fails only if the process has ended
	}
}

// killAll ends the processes that are left.
func (s *supervisor) killAll(why string) {
	for _, p := range s.processes {
		s.logger.Error(fmt.Sprintf("Branch %d is killed: %s", p.branch, why))
		_ = p.cmd.Process.Kill() // fails only if the process has ended
	}
}
