package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"passbook.example/passbook/cmd/torture/internal/bank"
	"passbook.example/passbook/cmd/torture/internal/faults"
	"passbook.example/passbook/cmd/torture/internal/history"
	"passbook.example/passbook/cmd/torture/internal/torment"
)

func TestMain(m *testing.M) {
	if bank.IsLaunch() {
		println(bank.BecomeBranch().Error())
		os.Exit(bank.ExitLaunch)
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
	o := torment.Options{Rounds: len(shortPlan), Plan: shortPlan, CheckEvery: 4, Customers: 6, Seed: 1, Dir: t.TempDir()}
	o.Passbook = filepath.Join(o.Dir, "passbook")
	if err := build(t.Context(), o.Passbook); err != nil {
		t.Fatal(err)
	}
	r, err := torment.Run(t.Context(), o, t.Output())
	if err != nil {
		o.Dir = keepForReaders(t, o.Dir)
		t.Fatalf("%v\ndata and logs are kept in %s", err, o.Dir)
	}
	for _, k := range faults.Kinds {
		if r.Faults[k.Name] == 0 {
			t.Errorf("no %s struck", k.Name)
		}
	}
	if r.Lists.Done == 0 || r.Lists.Insufficient == 0 || r.Calls[history.AllOrNone][history.Refused] == 0 {
		t.Errorf("lists were not tried: %+v, calls %v", r.Lists, r.Calls)
	}
	if r.Receipts == 0 || r.Operations == 0 || r.ReadsChecked == 0 {
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
