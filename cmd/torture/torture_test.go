package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if isLaunch() {
		println(becomeBranch().Error())
		os.Exit(exitLaunch)
	}
	os.Exit(m.Run())
}

// shortPlan has each kind of fault at least once.
var shortPlan = [][]string{
	{"kill -9", "slow links"},
	{"SIGSTOP", "reset mid-message"},
	{"one way cut", "kill -9 of several"},
	{"wiped disk"},
	{"both ways cut", "dripping links"},
	{"kill -9 of all"},
	{"full disk", "partition"},
	{"old disk"},
	{"SIGTERM", "one-way partition"},
	{"full disk", "SIGSTOP"},
	{"kill -9", "partition", "reset mid-message"},
	{"kill -9 of all", "one way cut"},
}

// TestShort is the torture in short: every kind of fault, real processes.
func TestShort(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes, and takes half a minute")
	}
	o := options{rounds: len(shortPlan), plan: shortPlan, checkEvery: 4, customers: 6, seed: 1, dir: t.TempDir()}
	o.passbook = filepath.Join(o.dir, "passbook")
	if err := build(t.Context(), o.passbook); err != nil {
		t.Fatal(err)
	}
	r, err := torment(t.Context(), o, t.Output())
	if err != nil {
		o.dir = keepForReaders(t, o.dir)
		t.Fatalf("%v\ndata and logs are kept in %s", err, o.dir)
	}
	for _, k := range faultKinds {
		if r.faults[k.name] == 0 {
			t.Errorf("no %s struck", k.name)
		}
	}
	if r.lists.done == 0 || r.lists.insufficient == 0 || r.calls[allOrNone][refused] == 0 {
		t.Errorf("lists were not tried: %+v, calls %v", r.lists, r.calls)
	}
	if r.receipts == 0 || r.operations == 0 || r.readsChecked == 0 {
		t.Errorf("nothing was checked: %+v", r)
	}
}

// keepForReaders moves what a failed run left out of a directory that goes with
// the test.
func keepForReaders(t *testing.T, dir string) string {
	to, err := os.MkdirTemp("", "passbook-torture-")
	if err != nil {
		t.Error(err)
		return dir
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Error(err)
	}
	return to
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"argument", []string{"now"}, `unexpected argument "now"`},
		{"no rounds", []string{"--rounds", "0"}, "must be at least 1"},
		{"no such fault", []string{"--only", "flood"}, `--only "flood" is no kind of fault; there are "kill -9"`},
		{"no such flag", []string{"--speed", "1"}, "not defined: -speed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := run(c.args, &out, &errOut); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if !strings.Contains(errOut.String(), c.want) {
				t.Errorf("got %q, want it to say %q", errOut.String(), c.want)
			}
		})
	}
}

// TestEndedBy checks that a process which a signal ended is told from one that
// ended by itself: only the first may end so when it is asked to stop early.
func TestEndedBy(t *testing.T) {
	for script, want := range map[string]bool{"kill -TERM $$": true, "kill -KILL $$": false, "exit 1": false, "exit 0": false} {
		if got := endedBy(exec.Command("sh", "-c", script).Run(), syscall.SIGTERM); got != want {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
}

// TestStoppedBy checks that only who has obeyed a signal counts as stopped by it.
func TestStoppedBy(t *testing.T) {
	for script, want := range map[string]bool{"exit 143": true, "exit 130": false, "kill -TERM $$": false, "exit 1": false, "exit 0": false} {
		if got := stoppedBy(exec.Command("sh", "-c", script).Run(), syscall.SIGTERM); got != want {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
}

// TestPlanRepeats checks that a seed gives the same faults again, and that all
// kinds come up.
func TestPlanRepeats(t *testing.T) {
	b := &bank{nodes: map[uint32]*node{}}
	for _, id := range branchIDs {
		b.nodes[id] = &node{id: id, bank: b}
	}
	seen := map[string]bool{}
	for n := range 200 {
		first, again := planRound(b, 5, n), planRound(b, 5, n)
		if first.String() != again.String() || len(first.acts) == 0 {
			t.Fatalf("round %d: %q, and again %q", n, first, again)
		}
		if first.alone && len(first.faults) != 1 {
			t.Errorf("round %d: %q do not strike alone", n, first)
		}
		for _, k := range first.faults {
			seen[k.name] = true
		}
	}
	for _, k := range faultKinds {
		if !seen[k.name] {
			t.Errorf("200 rounds without %s", k.name)
		}
	}
}
