package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedReplay stops a replay in the middle of a deposit: what was
// answered before is written, and the deposit is named. With no answers the output
// stays as it was.
func TestInterruptedReplay(t *testing.T) {
	const branches = `{"id": 1, "type": "branch", "balance": 10}`
	const deposit = `{"interface": "deposit", "money": 5}`
	for _, tt := range []struct {
		name, events string
		signal       syscall.Signal
		code         int
		// want is the output, said what stderr has.
		want string
		said []string
	}{
		{
			"nothing was answered", deposit, syscall.SIGINT, 130, "as before",
			[]string{"stopped after 0 of 1 events: interrupt; ", "output.json is not written", "not known: "},
		},
		{
			"Ctrl-C", `{"interface": "query"}, ` + deposit + `, {"interface": "query"}`, syscall.SIGINT, 130,
			`[{"id":1,"recv":[{"interface":"query","balance":10}]}]`,
			[]string{"stopped after 1 of 3 events: interrupt", "customer 1, event 2 (deposit): branch 1 at ", "it is not known whether it was recorded"},
		},
		{
			"SIGTERM", `{"interface": "query"}, ` + deposit, syscall.SIGTERM, 143,
			`[{"id":1,"recv":[{"interface":"query","balance":10}]}]`,
			[]string{"stopped after 1 of 2 events: terminated"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			base := freePorts(t)
			branch := newStuckBranch(strconv.Itoa(base + 1))
			if branch.err != nil {
				t.Fatal(branch.err)
			}
			defer branch.close()
			dir := t.TempDir()
			input, output := filepath.Join(dir, "input.json"), filepath.Join(dir, "output.json")
			writeFile(t, input, `[{"id": 1, "type": "customer", "events": [`+tt.events+`]}, `+branches+`]`)
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
			for _, want := range tt.said {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr does not say %q:\n%s", want, stderr.String())
				}
			}
			got, err := os.ReadFile(output)
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if json.Compact(&compact, got) == nil {
				got = bytes.TrimSpace(compact.Bytes())
			}
			if string(got) != tt.want {
				t.Errorf("the output is %q; want %q", got, tt.want)
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

// TestStoppedServe stops branches that serve, in every way in which they do: the
// exit code says which signal it was, and nothing is wrong.
func TestStoppedServe(t *testing.T) {
	for name, flags := range map[string][]string{
		"in one process": nil, "processes": {"--processes"}, "one branch": {"--branch", "1", "--bootstrap"},
	} {
		for signal, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			t.Run(fmt.Sprintf("%s, %v", name, signal), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				input := filepath.Join(dir, "input.json")
				writeFile(t, input, `[{"id": 1, "type": "branch", "balance": 10}]`)
				args := append([]string{"serve", input, "--base-port", strconv.Itoa(freePorts(t)), "--data", filepath.Join(dir, "data")}, flags...)
				c := exec.Command("passbook", args...)
				stderr, err := c.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := c.Start(); err != nil {
					t.Fatal(err)
				}
				said := bufio.NewScanner(stderr)
				for said.Scan() && !strings.Contains(said.Text(), "Branch 1 is ready") {
				}
				if err := c.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				for said.Scan() {
					if strings.HasPrefix(said.Text(), "passbook: ") {
						t.Errorf("it says %q", said.Text())
					}
				}
				var exit *exec.ExitError
				if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != code {
					t.Errorf("ended with %v, want exit code %d", err, code)
				}
			})
		}
	}
}
