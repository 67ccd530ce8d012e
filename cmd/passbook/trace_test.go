package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"passbook.example/passbook/customer"
	"passbook.example/passbook/customer/lamport"
)

// courseModel is how the course explains its clocks, one request after the other: no
// bank, no messages. It knows nothing of how Passbook gets to the same.
type courseModel struct {
	branches  []int64
	balance   int64
	customers map[int64]int64 // clocks
	clocks    map[int64]int64 // of branches
	// sent has the events of each customer element, done those of each branch.
	sent [][]lamport.Event
	done map[int64][]lamport.Event
}

func (m *courseModel) request(c customer.Element, e customer.Event) {
	if e.Interface == customer.Query {
		return
	}
	operation, self := lamport.Operation(e.Interface), lamport.Process{Kind: lamport.Customer, ID: c.ID}
	add := func(branch, message int64, step lamport.Step, peer lamport.Process) {
		m.clocks[branch] = max(m.clocks[branch], message) + 1
		m.done[branch] = append(m.done[branch], lamport.Event{Request: e.ID, Clock: m.clocks[branch], Operation: operation, Step: step, Peer: peer})
	}
	m.customers[c.ID]++
	last := len(m.sent) - 1
	m.sent[last] = append(m.sent[last], lamport.Event{Request: e.ID, Clock: m.customers[c.ID], Operation: operation, Step: lamport.Sent, Peer: self})
	add(e.Branch, m.customers[c.ID], lamport.Received, self)
	if e.Interface == customer.Withdraw && e.Amount > m.balance {
		return
	}
	m.balance += map[customer.Interface]int64{customer.Deposit: e.Amount, customer.Withdraw: -e.Amount}[e.Interface]
	for _, peer := range m.branches {
		if peer != e.Branch {
			add(e.Branch, 0, lamport.Sent, lamport.Process{Kind: lamport.Branch, ID: peer})
			add(peer, m.clocks[e.Branch], lamport.Received, lamport.Process{Kind: lamport.Branch, ID: e.Branch})
		}
	}
}

// courseTrace returns the output that the course wants for a file.
func courseTrace(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in, err := customer.ReadInput(file, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	m := &courseModel{balance: in.Opening(), customers: map[int64]int64{}, clocks: map[int64]int64{}, done: map[int64][]lamport.Event{}}
	for _, id := range in.BranchIDs() { // which ascend in these files
		m.branches = append(m.branches, int64(id))
	}
	trace := &lamport.Trace{}
	for _, c := range in.Customers {
		m.sent = append(m.sent, nil)
		for _, e := range c.Events {
			m.request(c, e)
		}
		trace.Customers = append(trace.Customers, lamport.History{Process: lamport.Process{Kind: lamport.Customer, ID: c.ID}, Events: m.sent[len(m.sent)-1]})
	}
	for _, id := range m.branches {
		trace.Branches = append(trace.Branches, lamport.History{Process: lamport.Process{Kind: lamport.Branch, ID: id}, Events: m.done[id]})
	}
	want, err := lamport.Encode(trace, lamport.Single, lamport.Propogate)
	if err != nil {
		t.Fatal(err)
	}
	return string(want)
}

// passbook runs the binary, which must succeed.
func passbook(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("passbook", args...).CombinedOutput(); err != nil {
		t.Fatalf("passbook %q: %v\n%s", args, err, out)
	}
}

func readString(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const examples = "../../examples/"

// The model gives the output that the course does.
func TestTheModelIsTheCourses(t *testing.T) {
	if diff := cmp.Diff(readString(t, examples+"lamport.expected.json"), courseTrace(t, examples+"lamport.json")); diff != "" {
		t.Errorf("the model (-want +got):\n%s", diff)
	}
}

// The clocks of customers in file order are those of the course, byte for byte, however
// often a bank runs.
func TestClocksAreTheCoursesEachTime(t *testing.T) {
	t.Parallel()
	base, output := strconv.Itoa(freePorts(t)), filepath.Join(t.TempDir(), "output.json")
	want := courseTrace(t, examples+"lamport.json")
	for i := range 50 {
		passbook(t, "run", examples+"lamport.json", "--base-port", base, "--output", output)
		if diff := cmp.Diff(want, readString(t, output)); diff != "" {
			t.Fatalf("run %d (-want +got):\n%s", i+1, diff)
		}
	}
}

// The same goes for branches in processes of their own.
func TestClocksOfProcessesAreTheCoursesEachTime(t *testing.T) {
	t.Parallel()
	base, dir := strconv.Itoa(freePorts(t)), t.TempDir()
	output := filepath.Join(dir, "output.json")
	want := courseTrace(t, examples+"lamport.json")
	for i := range processRuns {
		serve := exec.Command("passbook", "serve", examples+"lamport.json", "--processes", "--base-port", base, "--data", filepath.Join(dir, fmt.Sprint(i)))
		if err := serve.Start(); err != nil {
			t.Fatal(err)
		}
		passbook(t, "replay", examples+"lamport.json", "--base-port", base, "--output", output, "--wait", patience.String())
		if err := serve.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		_ = serve.Wait() // which tells of the signal
		if diff := cmp.Diff(want, readString(t, output)); diff != "" {
			t.Fatalf("run %d (-want +got):\n%s", i+1, diff)
		}
	}
}

// Ten branches and twenty requests make 400 events, as in the course's official file.
func TestTenBranchesMake400Events(t *testing.T) {
	t.Parallel()
	base, output := strconv.Itoa(freePorts(t)), filepath.Join(t.TempDir(), "output.json")
	want := courseTrace(t, examples+"lamport-10.json")
	passbook(t, "run", examples+"lamport-10.json", "--base-port", base, "--output", output)
	got := readString(t, output)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	trace := readTrace(t, output)
	ofCustomers := 0
	for _, h := range trace.Customers {
		ofCustomers += len(h.Events)
	}
	if ofCustomers != 20 || trace.Events() != 400 {
		t.Errorf("%d events of customers, %d in all, want 20 and 400", ofCustomers, trace.Events())
	}
}

func readTrace(t *testing.T, file string) *lamport.Trace {
	t.Helper()
	trace, err := lamport.Read(lamport.File{Name: file, Data: []byte(readString(t, file))})
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// checkOrder checks that each branch sends a request to its peers in the order of their
// ids.
func checkOrder(t *testing.T, trace *lamport.Trace) {
	t.Helper()
	for _, h := range trace.Branches {
		last := map[int64]int64{} // by request
		for _, e := range h.Events {
			if e.Step == lamport.Sent && e.Peer.ID <= last[e.Request] {
				t.Errorf("%v sends request %d to branch %d after branch %d", h.Process, e.Request, e.Peer.ID, last[e.Request])
			}
			if e.Step == lamport.Sent {
				last[e.Request] = e.Peer.ID
			}
		}
	}
}

// Customers who come at once make a trace that is right, and whole.
func TestConcurrentTracesAreRight(t *testing.T) {
	t.Parallel()
	base, output := strconv.Itoa(freePorts(t)), filepath.Join(t.TempDir(), "output.json")
	for form, events := range map[string]int{"lamport": 400, "lamport-2020": 20 * (3 + 3*9)} {
		for range 5 {
			passbook(t, "run", examples+"lamport-10.json", "--base-port", base, "--output", output, "--concurrent", "--output-form", form)
			trace := readTrace(t, output)
			for _, v := range lamport.Check(trace) {
				t.Errorf("%s: %v", form, v)
			}
			checkOrder(t, trace)
			if got := trace.Events(); got != events {
				t.Errorf("%s: %d events, want %d", form, got, events)
			}
		}
	}
}
