package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const oneCustomer = `[
	{"id": 1, "type": "customer", "events": [{"interface": "deposit", "money": 5}, {"interface": "query"}]},
	{"id": 1, "type": "branch", "balance": 10}
]`

// TestInterruptedReplayWritesNothing stops a replay in the middle of an event.
func TestInterruptedReplayWritesNothing(t *testing.T) {
	for _, tt := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		t.Run(tt.signal.String(), func(t *testing.T) {
			t.Parallel()
			base := freePorts()
			branch := newStuckBranch(strconv.Itoa(base + 1))
			if branch.err != nil {
				t.Fatal(branch.err)
			}
			defer branch.close()
			dir := t.TempDir()
			input, output := filepath.Join(dir, "input.json"), filepath.Join(dir, "output.json")
			writeFile(t, input, oneCustomer)
			writeFile(t, output, "as before")

			var stderr bytes.Buffer
			c := exec.Command("passbook", "replay", input, "--base-port", strconv.Itoa(base), "--output", output)
			c.Stderr = &stderr
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			<-branch.called
			if err := c.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != tt.code {
				t.Errorf("ended with %v, want exit code %d", err, tt.code)
			}
			if !strings.Contains(stderr.String(), "stopped after 0 of 2 events") {
				t.Errorf("stderr does not say how far it got:\n%s", stderr.String())
			}
			if got, err := os.ReadFile(output); err != nil || string(got) != "as before" {
				t.Errorf("the output is %q, %v; want it untouched", got, err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 2 {
				t.Errorf("%d files are left, %v; want 2", len(entries), err)
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
