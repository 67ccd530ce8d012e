package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/port/porttest"
)

// bank is `passbook serve` in a process of its own.
type bank struct {
	base    int
	process *os.Process
	// args are those of passbook serve, the same whenever it is started again.
	args []string
	// certs are the certificates of a bank that asks who calls; nil for one that does not.
	certs *certstest.Bank
	// stop ends the process, once.
	stop func()
}

// startBank serves an input file until the test ends.
func startBank(t *testing.T, file string, flags ...string) *bank {
	t.Helper()
	needsBrowser(t)
	base, release, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	b := &bank{base: base}
	b.args = append([]string{"serve", file, "--base-port", strconv.Itoa(b.base), "--data", t.TempDir()}, flags...)
	b.start(t)
	return b
}

// start starts the process, and waits until the bank is ready.
func (b *bank) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(passbook, b.args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.process = cmd.Process
	ready, ended := make(chan struct{}), make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(ended)
		readLog(io.TeeReader(stderr, &log), ready)
	}()
	b.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		<-ended
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("passbook serve:\n%s", log.Bytes())
		}
	})
	t.Cleanup(b.stop)
	select {
	case <-ready:
	case <-ended:
		t.Fatal("the bank ended before it was ready")
	}
}

// readiness matches what a bank logs as soon as it takes writes.
var readiness = regexp.MustCompile(`(All \d+ branches are|Branch \d+ is) ready`)

// readLog reads the log of a bank to its end, and closes ready when the bank is
// ready.
func readLog(r io.Reader, ready chan<- struct{}) {
	told := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if !told && readiness.MatchString(lines.Text()) {
			told = true
			close(ready)
		}
	}
}

// url returns the URL of a branch.
func (b *bank) url(branch int) string {
	scheme := "http"
	if b.certs != nil {
		scheme = "https"
	}
	return scheme + "://" + b.address(branch)
}

// address returns the address of a branch.
func (b *bank) address(branch int) string { return fmt.Sprintf("127.0.0.1:%d", b.base+branch) }

// signal sends a signal to the process of the bank.
func (b *bank) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := b.process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// call calls a branch as curl does, and returns the answer's fields.
func (b *bank) call(t *testing.T, branch int, method string, request map[string]any) map[string]any {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url(branch)+"/bank.v1.BranchService/"+method, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
