package lamport_test

import (
	"bytes"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// against returns what the sample lacks of an input, and has besides.
func against(t *testing.T, change func(string) string) []lamport.Violation {
	t.Helper()
	f := file(t, "input.json")
	f.Data = []byte(change(string(f.Data)))
	in, err := lamport.ReadInput(f)
	if err != nil {
		t.Fatal(err)
	}
	found, err := lamport.CheckAgainst(read(t, sample(t)), in)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestATraceHasAllOfItsInput(t *testing.T) {
	if found := against(t, func(s string) string { return s }); len(found) > 0 {
		t.Errorf("the sample is complained of: %v", found)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"another request":   {`"customer-request-id": 3`, `"customer-request-id": 9`, "the trace lacks request 9 (withdraw) of customer 2, or has it in another order"},
		"another operation": {`"customer-request-id": 1, "interface": "deposit"`, `"customer-request-id": 1, "interface": "withdraw"`, "the trace lacks request 1 (withdraw) of customer 1, or has it in another order"},
		"a request less":    {`{"customer-request-id": 1, "interface": "deposit", "money": 20}`, ``, "the input has no such request"},
		"another customer":  {`"id": 1, "type": "customer"`, `"id": 3, "type": "customer"`, "the trace lacks request 1 (deposit) of customer 3, or has it in another order"},
		"a stray customer":  {`"id": 1, "type": "customer"`, `"id": 7, "type": "customer"`, "the input has no such request"},
		"another branch":    {`"id": 3, "type": "branch"`, `"id": 4, "type": "branch"`, "the trace lacks branch 4, which the input has"},
		"a branch less": {`,
{"id": 3, "type": "branch", "balance": 100}`, ``, "the trace has branch 3, and the input does not"},
	} {
		found := against(t, func(s string) string {
			if !strings.Contains(s, test.old) {
				t.Fatalf("%s: the input has no %s", name, test.old)
			}
			return strings.Replace(s, test.old, test.new, 1)
		})
		if len(found) == 0 || len(found) > 2 || found[0].Problem != test.want {
			t.Errorf("%s: got %v, want %q", name, found, test.want)
		}
	}
}

func TestWhatIsLackingIsBounded(t *testing.T) {
	requests := strings.Repeat(`{"customer-request-id": 7, "interface": "deposit"},`, 5000)
	in, err := lamport.ReadInput(lamport.File{Name: "f", Data: []byte(`[{"id": 1, "customer-requests": [` + strings.TrimSuffix(requests, ",") + `]}, {"id": 1, "balance": 5}]`)})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := lamport.CheckAgainst(read(t, sample(t)), in); err != nil || len(found) < 1000 || len(found) > 1100 {
		t.Errorf("%d violations, %v", len(found), err)
	}
}

func TestTracesOf2020AreNotComparedWithInputs(t *testing.T) {
	in, err := lamport.ReadInput(file(t, "input.json"))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := lamport.CheckAgainst(read(t, file(t, "output-2021.json")), in); err == nil || len(found) > 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestInputsThatAreNoneAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                        "f:1:1: must be an array of customers and branches, got an object",
		`[]`:                        `f:1:1: there is no customer with "customer-requests"`,
		`[1]`:                       "f:1:2: element 1: must be an object, got 1",
		`[{"id": "a"}]`:             `f:1:2: element 1: "id" must be an integer, got "a"`,
		`[{"id": 1, "events": []}]`: `f:1:2: element 1: must be a customer with "customer-requests", or a branch with its "balance"`,
		`[{"id": 1, "customer-requests": [{"customer-request-id": 1, "interface": "query"}]}]`: `f:1:74: element 1 (customer 1), event 1: "interface" must be deposit or withdraw, got "query"`,
	} {
		if _, err := lamport.ReadInput(lamport.File{Name: "f", Data: []byte(text)}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := lamport.ReadInput(lamport.File{Name: "f", Data: bytes.Repeat([]byte(" "), lamport.MaxFileBytes+1)}); err == nil || err.Error() != "read f: larger than 64 MiB" {
		t.Errorf("got %v", err)
	}
}
