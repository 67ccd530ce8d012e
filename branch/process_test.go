package branch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// process is a branch in a process of its own.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	// filled is closed when the process can no longer write to its disk.
	filled chan struct{}
	// allocated gets how many objects the process has ever allocated, when it is asked.
	allocated chan uint64
}

// startProcess runs a branch in a process of its own, and returns when it has
// a port.
func startProcess(ctx context.Context, t testing.TB, c processConfig) *running {
	t.Helper()
	config, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), processEnv+"="+string(config))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, filled: make(chan struct{}), allocated: make(chan uint64, 1)}
	ready, done := make(chan struct{}), make(chan struct{})
	address := make(chan string, 1)
	r := &running{ready: ready, done: done, process: p, stop: func() { _, _ = io.WriteString(stdin, "stop\n") }}
	go func() {
		defer close(done)
		var failed error
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "address":
				address <- rest
			case "ready":
				close(ready)
			case "filled":
				close(p.filled)
			case "allocated":
				n, _ := strconv.ParseUint(rest, 10, 64)
				p.allocated <- n
			case "failed":
				failed = errors.New(rest)
			}
		}
		r.err = errors.Join(failed, cmd.Wait())
		stdin.Close()
	}()
	select {
	case r.address = <-address:
	case <-done:
		t.Fatalf("branch %d did not start: %v", c.ID, r.err)
	}
	return r
}

// count returns how many objects a process has ever allocated.
func (r *running) count(t testing.TB) uint64 {
	t.Helper()
	if _, err := io.WriteString(r.process.stdin, "count\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-r.process.allocated:
		return n
	case <-r.done:
		t.Fatalf("the process has ended: %v", r.err)
		return 0
	}
}

// kill ends a branch's process by SIGKILL and waits until it is gone.
func (b *bank) kill(id uint32) {
	b.t.Helper()
	r := b.at(id)
	if err := r.process.cmd.Process.Kill(); err != nil {
		b.t.Fatal(err)
	}
	<-r.done
	b.forget(id)
}
