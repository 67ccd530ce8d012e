package branch_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/peernet"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// A bank in one process takes this much memory for each branch, and this much for each
// pair of branches and the link between them. docs/limits.md has the figures; the bounds leave
// room for the race detector.
func TestMemoryOfABranchAndOfAPair(t *testing.T) {
	const (
		least      = 8
		step       = 16
		mostPair   = 160 << 10
		mostBranch = 6 << 20
	)
	if n, err := strconv.Atoi(os.Getenv(aloneEnv)); err == nil {
		printWeight(t, n)
		return
	}
	var used [3]int64
	for i := range used {
		n := least + i*step
		used[i] = weightAlone(t, n)
		t.Logf("%d branches, %d pairs: %d KiB", n, pairs(n), used[i]>>10)
	}
	// Memory that does not grow evenly with the branches grows with the pairs.
	few, more, most := pairs(least), pairs(least+step), pairs(least+2*step)
	pair := (used[2] - 2*used[1] + used[0]) / int64(most-2*more+few)
	one := (used[2] - used[1] - pair*int64(most-more)) / step
	t.Logf("%d KiB a branch, %d KiB a pair", one>>10, pair>>10)
	if pair > mostPair || one > mostBranch {
		t.Errorf("%d KiB a branch and %d KiB a pair, want %d and %d at most", one>>10, pair>>10, mostBranch>>10, mostPair>>10)
	}
}

// aloneEnv tells a process to run the test that it was started for, and how.
const aloneEnv = "PASSBOOK_TEST_ALONE"

// inItsOwnProcess runs the test in a process in which no other test has run, and returns what
// that prints.
func inItsOwnProcess(t *testing.T, how string) (printed string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), aloneEnv+"="+how)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("alone: %v\n%s", err, out)
	}
	return string(out)
}

func pairs(n int) int { return n * (n - 1) / 2 }

const weightFormat = "the bank holds %d bytes\n"

// printWeight prints how much memory a bank of n branches holds.
func printWeight(t *testing.T, n int) {
	t.Helper()
	before := inUse()
	end := quietBank(t, n)
	fmt.Printf(weightFormat, inUse()-before)
	end()
}

// weightAlone returns what printWeight prints in a process of its own. In this one, timers that
// were stopped hold on to whole branches of the bank before until the runtime drops them.
func weightAlone(t *testing.T, n int) (used int64) {
	t.Helper()
	out := inItsOwnProcess(t, strconv.Itoa(n))
	_, rest, _ := strings.Cut(out, weightFormat[:strings.Index(weightFormat, "%")])
	if _, err := fmt.Sscanf(rest, "%d", &used); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return used
}

// inUse returns how much of the heap and of stacks is in use.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools kept through the first
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// quietBank runs a bank of n branches that share a transport, as passbook
// serve does, until all are linked. What it returns ends it.
func quietBank(t *testing.T, n int) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	transport := peernet.New()
	addresses, listeners := map[uint32]string{}, map[uint32]net.Listener{}
	for id := uint32(1); id <= uint32(n); id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses[id], listeners[id] = l.Addr().String(), l
	}
	dir, done := t.TempDir(), make(chan error)
	var all []*branch.Branch
	for id, l := range listeners {
		b, err := branch.Open(branch.Config{
			ID: id, Addresses: addresses, Listener: l, Dir: filepath.Join(dir, fmt.Sprint(id)), PeerTransport: transport, PeerTimeout: patient,
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
		go func() { done <- b.Serve(ctx) }()
	}
	for _, b := range all {
		<-b.Ready()
	}
	for _, b := range all {
		linked(t, b)
	}
	return func() {
		stop()
		for range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		transport.CloseIdleConnections()
	}
}

// linked waits until a branch and all others have each other's entries.
func linked(t *testing.T, b *branch.Branch) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "http://"+b.Address())
	if _, err := client.Deposit(t.Context(), &bankv1.DepositRequest{Amount: 1, Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL}); err != nil {
		t.Fatal(err)
	}
}
