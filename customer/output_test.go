package customer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
)

// report is a small report with every outcome.
func report() *customer.Report {
	return &customer.Report{Events: 6, Customers: []customer.Results{
		{ID: 1, Received: []customer.Received{
			{Interface: customer.Transfer, Branch: 1, Outcome: customer.Succeeded, Balance: 3},
			{Interface: customer.Query, Branch: 2, Outcome: customer.Succeeded},
			{Interface: customer.Withdraw, Branch: 2, Outcome: customer.Refused, Err: errors.New("insufficient funds")},
		}},
		{ID: 1},
		{ID: 2, Received: []customer.Received{
			{Interface: customer.Deposit, Branch: 7, Outcome: customer.Failed, Err: errors.New("branch 7 does not exist")},
			{Interface: customer.Query, Branch: 1, Outcome: customer.Succeeded, Balance: 3},
			{Interface: customer.Query, Branch: 7, Outcome: customer.Failed, Err: errors.New("branch 7 <down>")},
		}},
	}}
}

func TestEncode(t *testing.T) {
	for _, form := range []customer.OutputForm{customer.Basic, customer.Consistency, customer.ConsistencyFinal} {
		t.Run(form.String(), func(t *testing.T) {
			got, err := customer.Encode(report(), form)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile("testdata/outcomes." + form.String() + ".json")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			empty, err := customer.Encode(&customer.Report{}, form)
			if err != nil || string(empty) != "[]\n" {
				t.Errorf("without customers: %q, %v; want an empty array", empty, err)
			}
		})
	}
}

// The output of a replay that was stopped has what was answered.
func TestEncodeWhatWasAnswered(t *testing.T) {
	stopped := report()
	stopped.Customers[0].Received[2].Outcome = customer.NotExecuted
	for i := range stopped.Customers[2].Received {
		stopped.Customers[2].Received[i].Outcome = customer.NotExecuted
	}
	for form, want := range map[customer.OutputForm]string{
		customer.Basic:            `[{"id":1,"recv":[{"interface":"transfer","result":"success"},{"interface":"query","balance":0}]},{"id":1,"recv":[]}]`,
		customer.Consistency:      `[{"id":1,"recv":[{"interface":"transfer","branch":1,"result":"success"}]},{"id":1,"recv":[{"interface":"query","branch":2,"balance":0}]}]`,
		customer.ConsistencyFinal: `[{"id":1,"balance":0}]`,
	} {
		data, err := customer.Encode(stopped, form)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := json.Compact(&got, data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, strings.TrimSpace(got.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
}

func TestParseOutputForm(t *testing.T) {
	for _, name := range []string{"basic", "consistency", "consistency-final", "monotonic-writes", "lamport", "lamport-parts", "lamport-2020"} {
		if form, err := customer.ParseOutputForm(name); err != nil || form.String() != name {
			t.Errorf("ParseOutputForm(%q) = %q, %v", name, form, err)
		}
	}
	_, err := customer.ParseOutputForm("clocks")
	if got, want := errorText(err), `unknown output form "clocks"; there are basic, consistency, consistency-final, monotonic-writes, lamport, lamport-parts and lamport-2020`; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if _, err := customer.Encode(report(), customer.Lamport); err == nil || !strings.Contains(err.Error(), "not traced") {
		t.Errorf("Encode a trace that there is none of: %v", err)
	}
	if _, err := customer.Encode(report(), "clocks"); err == nil {
		t.Error("Encode to an unknown form: no error")
	}
}

// checkDirectory checks that a directory holds just these files.
func checkDirectory(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestWriteOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "output.json")
	empty := &customer.Report{}
	if err := customer.WriteOutput(path, empty, customer.Basic); err != nil {
		t.Fatal(err)
	}
	checkDirectory(t, dir, map[string]string{"output.json": "[]\n"})

	// It replaces what is there, keeps its mode, and goes through a link.
	if err := os.WriteFile(path, []byte("a longer text than the new one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := customer.WriteOutput(link, empty, customer.Basic); err != nil {
		t.Fatal(err)
	}
	checkDirectory(t, dir, map[string]string{"output.json": "[]\n"})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("mode %v, want %v", got, want)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().IsRegular() {
		t.Errorf("the link is %v, %v; want a link still", info.Mode(), err)
	}
}

// On an error the old file stays, and nothing lies beside it.
func TestWriteOutputLeavesNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "output.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := customer.WriteOutput(path, report(), "none"); err == nil {
		t.Error("WriteOutput in a form that there isn't: no error")
	}
	checkDirectory(t, dir, map[string]string{"output.json": "old"})

	if err := customer.WriteOutput(filepath.Join(dir, "none", "output.json"), report(), customer.Basic); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("WriteOutput into no directory: %v, want %v", err, os.ErrNotExist)
	}
	if err := customer.WriteOutput(dir, report(), customer.Basic); err == nil {
		t.Error("WriteOutput onto a directory: no error")
	}
	checkDirectory(t, dir, map[string]string{"output.json": "old"})
}

// A device is written to and not replaced.
func TestWriteOutputToDevice(t *testing.T) {
	if err := customer.WriteOutput(os.DevNull, report(), customer.Basic); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(os.DevNull)
	if err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Errorf("%s is %v, %v; want a device", os.DevNull, info.Mode(), err)
	}
}
