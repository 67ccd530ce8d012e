package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/host"
)

// contents returns what is in a directory: the rights of everything, and the hash
// of each file.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		all[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[name] += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// damage changes the last byte of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		t.Fatalf("%s: %v, %d bytes", path, err, len(data))
	}
	data[len(data)-1] ^= 1
	writeFile(t, path, string(data))
}

// TestARefusedStartLeavesNothingBehind refuses to start three branches, in every
// way that they can be started and for every reason that there is: nothing is made,
// and nothing that was there is changed.
func TestARefusedStartLeavesNothingBehind(t *testing.T) {
	const one, two, three = `{"id": 1, "type": "branch", "balance": 10}`, `{"id": 2, "type": "branch", "balance": 10}`, `{"id": 3, "type": "branch", "balance": 10}`
	bank := "[" + one + ", " + two + ", " + three + "]"
	for name, test := range map[string]struct {
		// file has the branches that are to start; prepare is called with the data
		// directory, in which a bank of the three may be, and with the first port.
		file    string
		data    bool
		prepare func(t *testing.T, data string, base int)
		flags   []string
		want    string
	}{
		"another opening balance":  {file: strings.ReplaceAll(bank, "10", "99"), data: true, want: "holds another bank than that of"},
		"another bank, some fresh": {file: strings.ReplaceAll(bank, "10", "99"), data: true, prepare: keepBranch2, want: "holds another bank than that of"},
		"more branches":            {file: strings.Replace(bank, "]", `, {"id": 4, "type": "branch", "balance": 10}]`, 1), data: true, want: "holds another bank than that of"},
		"directories that swapped": {file: bank, data: true, prepare: swapBranches, want: "branch"},
		"a file for a directory":   {file: bank, prepare: func(t *testing.T, data string, _ int) { fileAt(t, filepath.Join(data, "branch-2")) }, want: "branch-2 is no directory"},
		"a file for the data":      {file: bank, prepare: func(t *testing.T, data string, _ int) { fileAt(t, data) }, want: "is no directory"},
		"a link to nothing":        {file: bank, prepare: linkToNothing, want: "is a link to nothing"},
		"what is left of a store":  {file: bank, prepare: func(t *testing.T, data string, _ int) { fileAt(t, filepath.Join(data, "branch-3", "000007.sst")) }, want: "branch-3"},
		"damage, the others fresh": {file: bank, data: true, prepare: damageBranch2, want: "branch-2"},
		"a port that is taken":     {file: bank, prepare: func(t *testing.T, _ string, base int) { listenAt(t, base+2) }, want: "is taken by"},
		"a port taken, old data":   {file: bank, data: true, prepare: func(t *testing.T, _ string, base int) { listenAt(t, base+3) }, want: "is taken by"},
		"a port that is none":      {file: bank, flags: []string{"--base-port", "65533"}, want: "the last port is 65535"},
		"a host of others":         {file: bank, flags: []string{"--listen", "203.0.113.1", "--insecure"}, want: "no address of this machine"},
		"a wrong flag":             {file: bank, flags: []string{"--peer-timeout", "-1s"}, want: "--peer-timeout must be greater than 0"},
		"a flag that isn't one":    {file: bank, flags: []string{"--nothing"}, want: "unknown flag"},
		"a file that is not UTF-8": {file: bank + "\xff", want: "not UTF-8"},
		"a file without branches":  {file: "[]", want: "no branches"},
	} {
		for _, way := range [][]string{{"serve"}, {"serve", "--processes"}, {"serve", "--branch", "2"}, {"run"}} {
			if way[0] == "serve" && len(way) == 3 && !strings.Contains("another opening balance, a file for a directory, a port that is taken, more branches", name) {
				continue // branch 2 alone has no reason to be refused, or the same one
			}
			t.Run(name+", "+strings.Join(way, " "), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				data, input := filepath.Join(dir, "data"), filepath.Join(dir, "input.json")
				base := freePorts(t)
				common := []string{input, "--base-port", strconv.Itoa(base), "--data", data}
				if test.data {
					writeFile(t, input, bank)
					output := filepath.Join(dir, "output.json")
					if out, err := exec.Command("passbook", append([]string{"run", "-o", output}, common...)...).CombinedOutput(); err != nil {
						t.Fatalf("%v:\n%s", err, out)
					}
					if err := os.Remove(output); err != nil {
						t.Fatal(err)
					}
				}
				writeFile(t, input, test.file)
				if test.prepare != nil {
					test.prepare(t, data, base)
				}
				before := contents(t, dir)
				// One that isn't refused would serve on.
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				c := exec.CommandContext(ctx, "passbook", append(append(append([]string{}, way...), common...), test.flags...)...)
				c.Dir = dir
				out, err := c.CombinedOutput()
				var ended *exec.ExitError
				if !errors.As(err, &ended) || ended.ExitCode() != exit.Failed && ended.ExitCode() != exit.BadUsage || !strings.Contains(string(out), test.want) {
					t.Errorf("got %v, want exit code 1 or 2 and %q:\n%s", err, test.want, out)
				}
				if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
					t.Errorf("what is there (-before +after):\n%s\n%s", diff, out)
				}
			})
		}
	}
}

func fileAt(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, "not a journal")
}

func listenAt(t *testing.T, port int) {
	t.Helper()
	l, err := net.Listen("tcp", local(strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// keepBranch2 leaves the data of branch 2 alone.
func keepBranch2(t *testing.T, data string, _ int) {
	t.Helper()
	for _, id := range []uint32{1, 3} {
		if err := os.RemoveAll(host.BranchDir(data, id)); err != nil {
			t.Fatal(err)
		}
	}
}

// damageBranch2 leaves the data of branch 2 alone, and damages it where only
// opening it finds that.
func damageBranch2(t *testing.T, data string, base int) {
	t.Helper()
	keepBranch2(t, data, base)
	damage(t, filepath.Join(host.BranchDir(data, 2), "synced"))
}

// swapBranches has branches 1 and 2 take each other's data.
func swapBranches(t *testing.T, data string, _ int) {
	t.Helper()
	aside := filepath.Join(data, "aside")
	for _, move := range [][2]string{{host.BranchDir(data, 1), aside}, {host.BranchDir(data, 2), host.BranchDir(data, 1)}, {aside, host.BranchDir(data, 2)}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
}

func linkToNothing(t *testing.T, data string, _ int) {
	t.Helper()
	if err := os.Symlink(filepath.Join(filepath.Dir(data), "nothing", "here"), data); err != nil {
		t.Fatal(err)
	}
}
