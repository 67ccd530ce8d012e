package lamport_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// sample is the course's sample, in one array.
func sample(t *testing.T) lamport.File { return file(t, "output-2024-single.json") }

// checkRight checks that nothing is complained of.
func checkRight(t *testing.T, name string, trace *lamport.Trace) {
	t.Helper()
	for _, v := range lamport.Check(trace) {
		t.Errorf("%s is right, and is complained of: %s", name, v)
	}
}

// What the course hands out is right, in all packagings and as far as each part goes.
func TestTheCoursesSamplesAreRight(t *testing.T) {
	parts := []lamport.File{file(t, "output-1-customers.json"), file(t, "output-2-branches.json"), file(t, "output-3-events.json")}
	for _, files := range [][]lamport.File{{sample(t)}, {file(t, "output-2021.json")}, parts, parts[:1], parts[1:2], parts[2:], parts[:2], parts[1:], {parts[2], parts[0]}} {
		checkRight(t, files[0].Name, read(t, files...))
	}
}

// A violation names its place, and both events.
func TestViolationsAreToldWithTheirPlaces(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     []string
	}{
		"a clock that is one too high": {
			`{"customer-request-id": 2, "logical_clock": 7, "interface": "propogate_withdraw", "comment": "event_recv from branch 2"}]}`,
			`{"customer-request-id": 2, "logical_clock": 8, "interface": "propogate_withdraw", "comment": "event_recv from branch 2"}]}`,
			[]string{
				`f:4:391: element 3 (branch 1), event 4: the clock must be 7, got 8: one more than the message, which has 6 and is later than branch 1 itself, at 4: branch 1 at clock 8 receives the propagation of request 2 (withdraw) from branch 2; branch 2 at clock 6 sends the propagation of request 2 (withdraw) to branch 1 (f:5:275: element 4 (branch 2), event 3)`,
				`f:17:1: element 16: the clock is 7 in the list of all events, and 8 at branch 1 itself: branch 1 at clock 7 receives the propagation of request 2 (withdraw) from branch 2; branch 1 at clock 8 receives the propagation of request 2 (withdraw) from branch 2 (f:4:391: element 3 (branch 1), event 4)`,
			},
		},
		"a receipt that is missing": {
			`{"customer-request-id": 1, "logical_clock": 5, "interface": "propogate_deposit", "comment": "event_recv from branch 1"}, `, ``,
			[]string{
				`f:4:272: element 3 (branch 1), event 3: the receipt is missing: branch 3 has no event that receives this message: branch 1 at clock 4 sends the propagation of request 1 (deposit) to branch 3`,
				`f:12:1: element 11: branch 3 itself does not have this event, or not so often: branch 3 at clock 5 receives the propagation of request 1 (deposit) from branch 1`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(sample(t).Data), test.old, test.new, 1)
			var got []string
			for _, v := range lamport.Check(read(t, lamport.File{Name: "f", Data: []byte(text)})) {
				got = append(got, v.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Traces of runs that are really concurrent are right, in all packagings.
func TestConcurrentRunsAreRight(t *testing.T) {
	for seed := range uint64(300) {
		trace := simulate(seed)
		checkRight(t, fmt.Sprintf("seed %d", seed), trace)
		var all []lamport.File
		for _, form := range []lamport.Form{lamport.Single, lamport.PartCustomers, lamport.PartBranches, lamport.PartEvents} {
			data, err := lamport.Encode(trace, form, lamport.Propagate)
			if err != nil {
				t.Fatal(err)
			}
			f := lamport.File{Name: string(form), Data: data}
			if trace.Events() == 0 && form == lamport.PartEvents {
				continue // there is nothing to read
			}
			checkRight(t, fmt.Sprintf("seed %d, %s", seed, form), read(t, f))
			if form != lamport.Single {
				all = append(all, f)
			}
		}
		checkRight(t, fmt.Sprintf("seed %d, three files", seed), read(t, all...))
	}
}

// encoded returns a trace in one array.
func encoded(t *testing.T, trace *lamport.Trace) []byte {
	t.Helper()
	data, err := lamport.Encode(trace, lamport.Single, lamport.Propogate)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}
