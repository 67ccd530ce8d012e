package customer_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
)

// readFile reads a valid input file.
func readFile(t *testing.T, path string) *customer.Input {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := customer.ReadInput(filepath.Base(path), f)
	if err != nil {
		t.Fatalf("ReadInput: %v", err)
	}
	return in
}

// read reads a valid input.
func read(t *testing.T, text string) *customer.Input {
	t.Helper()
	in, err := customer.ReadInput("input.json", strings.NewReader(text))
	if err != nil {
		t.Fatalf("ReadInput: %v", err)
	}
	return in
}

func TestReadInput(t *testing.T) {
	const text = `[
  {"id": 7, " type ": "customer", "events": [
    {"id": "a", "interface": "deposit", "money": 5},
    {"id": "a", " interface": "query", "money": "nothing", "branch": -1},
    {"interface": "query", "account": "savings", "consistency": "strong"},
    {"interface": "transfer", "money": 3, "from": "savings", "to": ""},
    {"interface": "transfer", "money": 2, "account": "rent", "to": "savings"}]},
  {"id": 345, "type": "bank", "balance": 9223372036854775807},
  {"id": 4294967295, "type": "branch", "balance": 9223372036854775807, "colour": "red"},
  {"id": 7, "type": "client", "events": []}
]`
	want := &customer.Input{
		Name: "input.json",
		Branches: []customer.Branch{
			{ID: 345, Balance: math.MaxInt64},
			{ID: math.MaxUint32, Balance: math.MaxInt64},
		},
		Customers: []customer.Element{
			{ID: 7, Events: []customer.Event{
				{Interface: customer.Deposit, Amount: 5, Branch: 7, Line: 3},
				{Interface: customer.Query, Branch: -1, Line: 4},
				{Interface: customer.Query, Branch: 7, Account: "savings", Strong: true, Line: 5},
				{Interface: customer.Transfer, Amount: 3, Branch: 7, Account: "savings", Line: 6},
				{Interface: customer.Transfer, Amount: 2, Branch: 7, Account: "rent", To: "savings", Line: 7},
			}},
			{ID: 7},
		},
		Form:    customer.Consistency,
		Ignored: []string{`input.json:9:72: key "colour" means nothing here`},
	}
	// A byte order mark in front changes nothing.
	for _, text := range []string{text, "\ufeff" + text} {
		got := read(t, text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("input (-want +got):\n%s", diff)
		}
		if got, want := got.Opening(), int64(math.MaxInt64); got != want {
			t.Errorf("Opening = %d, want %d", got, want)
		}
		if diff := cmp.Diff([]uint32{345, math.MaxUint32}, got.BranchIDs()); diff != "" {
			t.Errorf("BranchIDs (-want +got):\n%s", diff)
		}
		if got, want := got.Events(), 5; got != want {
			t.Errorf("Events = %d, want %d", got, want)
		}
	}
}

// The official file: customers 1 to 50 twice, which must not be merged.
func TestReadInputKeepsRepeatedCustomersApart(t *testing.T) {
	in := readFile(t, "../examples/course-50.json")
	if len(in.Customers) != 100 || len(in.Branches) != 50 || in.Opening() != 400 || in.Events() != 200 {
		t.Fatalf("%d customers, %d branches of %d, %d events; want 100, 50 of 400, 200",
			len(in.Customers), len(in.Branches), in.Opening(), in.Events())
	}
	for i, c := range in.Customers {
		if want := int64(i%50 + 1); c.ID != want {
			t.Errorf("customer element %d has id %d, want %d", i+1, c.ID, want)
		}
	}
}

func TestReadInputRefuses(t *testing.T) {
	const branch = `{"id":1,"type":"branch","balance":5}`
	tests := []struct{ name, text, want string }{
		{"empty", " \n ", `input.json:1:1: the file is empty; expected a JSON array of customers and branches`},
		{"prose", "[" + branch + "]\nThe end.", `input.json:2:1: not JSON: invalid character 'T' after top-level value (the file goes on after its array)`},
		{"missing comma", "[" + branch + "\n " + branch + "]", `input.json:2:2: not JSON: invalid character '{' after array element (is a comma missing?)`},
		{"missing comma in object", `[{"id":1 "type":"branch"}]`, `input.json:1:10: not JSON: invalid character '"' after object key:value pair (is a comma missing?)`},
		{"trailing comma", "[" + branch + ",\n]", `input.json:2:1: not JSON: invalid character ']' looking for beginning of value`},
		{"cut off", "[" + branch + ",\n", `input.json:2:1: not JSON: unexpected end of JSON input`},
		{"no array", ` {"customers":[]}`, `input.json:1:2: must be an array of customers and branches, got an object`},
		{"no branches", "\n[]", `input.json:2:1: no branches: the array needs at least one element like {"id": 1, "type": "branch", "balance": 400}`},
		{"no object", "[7," + branch + "]", `input.json:1:2: element 1: must be an object, got 7`},
		{"both", "[" + branch + `,
{"id":1,"type":"customer","customer-requests":[],"events":[]}]`, `input.json:2:47: element 2 (customer 1): customer-requests: a customer has its requests once, as "events" or as "customer-requests"`},
		{"requests no array", "[" + branch + `,
{"id":1,"type":"customer","customer-requests":7}]`, `input.json:2:47: element 2 (customer 1): customer-requests: must be an array, got 7`},
		{"two ids", "[" + branch + `,
{"id":1,"type":"customer","customer-requests":[{"customer-request-id":7,"customer-requests":8,"interface":"deposit","money":1}]}]`,
			`input.json:2:93: element 2 (customer 1), event 1: customer-requests: a request has its id once, as "customer-request-id" or as "customer-requests"`},
		{"id in words", "[" + branch + `,
{"id":1,"type":"customer","customer-requests":[{"customer-requests":"one","interface":"deposit","money":1}]}]`,
			`input.json:2:69: element 2 (customer 1), event 1: customer-requests: must be an integer, got "one"`},
		{"output", `[{"id":1,"recv":[{"interface":"query","balance":5}]},{"id":2,"recv":[]}]`, `input.json:1:17: element 1: recv: this is what a replay wrote, an output.json; an input has customers with their events, and branches`},
		{"no type", "[" + branch + `,{"id":1}]`, `input.json:1:39: element 2: type: missing; must be "customer", "client", "branch" or "bank"`},
		{"unknown type", "[" + branch + `,{"id":1,"type":"teller"}]`, `input.json:1:54: element 2: type: must be "customer", "client", "branch" or "bank", got "teller"`},
		{"duplicate key", `[{"id":1,"type":"branch","balance":5," id":2}]`, `input.json:1:38: element 1: key "id" occurs twice`},
		{"unequal balances", `[{"id":1,"type":"branch","balance":5},
{"id":2,"type":"branch","balance":6},
{"id":3,"type":"branch","balance":5}]`, `input.json:2:35: opening balances differ: 5 at branch 1, 3; 6 at branch 2; every branch holds a replica of the same account`},
		{"repeated branch", "[" + branch + ",\n" + branch + "]", `input.json:2:7: element 2 (branch 1): id: another branch has this id already`},
		{"branch 0", `[{"id":0,"type":"branch","balance":5}]`, `input.json:1:8: element 1: id: must be an integer from 1 to 4294967295, got 0`},
		{"branch 2^32", `[{"id":4294967296,"type":"branch","balance":5}]`, `input.json:1:8: element 1: id: must be an integer from 1 to 4294967295, got 4294967296`},
		{"branch without id", `[{"type":"branch","balance":5}]`, `input.json:1:2: element 1: id: missing; must be an integer from 1 to 4294967295`},
		{"negative balance", `[{"id":1,"type":"branch","balance":-5}]`, `input.json:1:36: element 1 (branch 1): balance: must be an integer of at least 0, got -5`},
		{"no balance", `[{"id":1,"type":"branch"}]`, `input.json:1:2: element 1 (branch 1): balance: missing; must be an integer of at least 0`},
		{"balance over int64", `[{"id":1,"type":"branch","balance":9223372036854775808}]`, `input.json:1:36: element 1 (branch 1): balance: must be an integer of at least 0, got 9223372036854775808`},
		{"customer id", "[" + branch + `,{"id":"1","type":"customer","events":[]}]`, `input.json:1:45: element 2: id: must be an integer, got "1"`},
		{"no events", "[" + branch + `,{"id":1,"type":"customer"}]`, `input.json:1:39: element 2 (customer 1): events: missing; must be an array`},
		{"events no array", "[" + branch + `,{"id":1,"type":"customer","events":{}}]`, `input.json:1:74: element 2 (customer 1): events: must be an array, got an object`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, test.text, test.want)
		})
	}
}

func TestReadInputRefusesEvent(t *testing.T) {
	const interfaces = `"deposit", "withdraw", "query" or "transfer"`
	tests := []struct{ name, event, want string }{
		{"no object", `[]`, `3:1: element 2 (customer 3), event 2: must be an object, got an array`},
		{"no interface", `{"money":1}`, `3:1: element 2 (customer 3), event 2: interface: missing; must be ` + interfaces},
		{"unknown interface", `{"interface":"withdrawal","money":1}`, `3:14: element 2 (customer 3), event 2: interface: must be ` + interfaces + `, got "withdrawal"`},
		{"no money", `{"interface":"deposit"}`, `3:1: element 2 (customer 3), event 2: money: missing; must be a positive integer`},
		{"money in words", `{"interface":"deposit","money":"ten"}`, `3:32: element 2 (customer 3), event 2: money: must be a positive integer, got "ten"`},
		{"money as text", `{"interface":"deposit","money":"10"}`, `3:32: element 2 (customer 3), event 2: money: must be a positive integer, got "10"`},
		{"fraction", `{"interface":"deposit","money":1.5}`, `3:32: element 2 (customer 3), event 2: money: must be a positive integer, got 1.5`},
		{"zero", `{"interface":"withdraw","money":0}`, `3:33: element 2 (customer 3), event 2: money: must be a positive integer, got 0`},
		{"negative", `{"interface":"withdraw","money":-1}`, `3:33: element 2 (customer 3), event 2: money: must be a positive integer, got -1`},
		{"null", `{"interface":"withdraw","money":null}`, `3:33: element 2 (customer 3), event 2: money: must be a positive integer, got null`},
		{"over int64", `{"interface":"deposit","money":9223372036854775808}`, `3:32: element 2 (customer 3), event 2: money: must be a positive integer, got 9223372036854775808`},
		{"long", `{"interface":"deposit","money":"` + strings.Repeat("é", 30) + `"}`, `3:32: element 2 (customer 3), event 2: money: must be a positive integer, got "` + strings.Repeat("é", 19) + `…`},
		{"column in characters", `{"ä":1,"interface":"deposit","money":0}`, `3:38: element 2 (customer 3), event 2: money: must be a positive integer, got 0`},
		{"branch in words", `{"interface":"query","branch":"two"}`, `3:31: element 2 (customer 3), event 2: branch: must be an integer, got "two"`},
		{"branch and dest", `{"interface":"query","branch":1,"dest":1}`, `3:40: element 2 (customer 3), event 2: dest: an event names its branch once, as "branch" or as "dest"`},
		{"account no text", `{"interface":"query","account":1}`, `3:32: element 2 (customer 3), event 2: account: must be a string, got 1`},
		{"deposit to", `{"interface":"deposit","money":1,"to":"a"}`, `3:39: element 2 (customer 3), event 2: to: only a transfer has this key; a deposit names its "account"`},
		{"transfer to nobody", `{"interface":"transfer","money":1}`, `3:1: element 2 (customer 3), event 2: to: missing; must be the account that is paid ("" for the shared one)`},
		{"transfer to itself", `{"interface":"transfer","money":1,"to":""}`, `3:40: element 2 (customer 3), event 2: to: must be another account than the one that pays, got ""`},
		{"transfer from two", `{"interface":"transfer","money":1,"from":"a","account":"a","to":"b"}`, `3:42: element 2 (customer 3), event 2: from: a transfer names the account that pays once, as "from" or as "account"`},
		{"strong write", `{"interface":"deposit","money":1,"consistency":"strong"}`, `3:48: element 2 (customer 3), event 2: consistency: only a query has this key`},
		{"consistency", `{"interface":"query","consistency":"eventual"}`, `3:36: element 2 (customer 3), event 2: consistency: must be "local" or "strong", got "eventual"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, `[{"id":1,"type":"branch","balance":5},
{"id":3,"type":"customer","events":[{"interface":"query"},
`+test.event+`]}]`, "input.json:"+test.want)
		})
	}
}

// checkRefused checks that an input is refused with just that text.
func checkRefused(t *testing.T, text, want string) {
	t.Helper()
	in, err := customer.ReadInput("input.json", strings.NewReader(text))
	if err == nil {
		t.Fatalf("ReadInput = %+v, want error %q", in, want)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	var problem *customer.InputError
	if !errors.As(err, &problem) {
		t.Errorf("error is %T, want an *InputError in it", err)
	}
}

func TestReadInputReportsSeveralProblems(t *testing.T) {
	text := "[" + strings.Repeat(`{"type":"teller"},`+"\n", 12) + `7]`
	_, err := customer.ReadInput("input.json", strings.NewReader(text))
	if err == nil {
		t.Fatal("ReadInput: no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if got, want := len(lines), 11; got != want {
		t.Fatalf("%d lines, want %d:\n%v", got, want, err)
	}
	// 13 elements with a problem each, and no branch.
	if got, want := lines[10], "input.json: and 4 more problems"; got != want {
		t.Errorf("last line %q, want %q", got, want)
	}
}

// A bank of many branches is named in part.
func TestReadInputNamesUnequalBalances(t *testing.T) {
	var text strings.Builder
	for id := range 20 {
		fmt.Fprintf(&text, `,{"id":%d,"type":"branch","balance":%d}`+"\n", id+1, id/10)
	}
	checkRefused(t, "["+text.String()[1:]+"]", "input.json:11:37: opening balances differ: "+
		"0 at branch 1, 2, 3, 4, 5, 6, 7, 8 and 2 more; 1 at branch 11, 12, 13, 14, 15, 16, 17, 18 and 2 more; "+
		"every branch holds a replica of the same account")
}

// blanks is an endless input.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadInputRefusesLargeFile(t *testing.T) {
	_, err := customer.ReadInput("input.json", blanks{})
	if got, want := errorText(err), "read input.json: larger than 256 MiB"; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReadExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.json")
	if err != nil || len(paths) < 4 {
		t.Fatalf("examples: %v, %v", paths, err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".expected.json") {
			continue
		}
		if in := readFile(t, path); len(in.Customers) == 0 || len(in.Ignored) > 0 {
			t.Errorf("%s: %d customers, ignored keys %q", path, len(in.Customers), in.Ignored)
		}
	}
}
