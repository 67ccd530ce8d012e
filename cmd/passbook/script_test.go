package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protojson"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/port/porttest"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"passbook": main})
}

// TestScript tells the stories in testdata, each with ports and a directory of
// its own.
func TestScript(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			base, release, err := porttest.Reserve()
			if err != nil {
				return err
			}
			e.Defer(release)
			e.Setenv("EXAMPLES", examples)
			e.Setenv("TRACES", filepath.Join(examples, "../customer/lamport/testdata"))
			e.Setenv("ODD", filepath.Join(examples, "../customer/testdata/odd"))
			e.Setenv("TOKEN", filepath.Join(examples, "../branch/token/testdata/token.sh"))
			e.Setenv("LATIN1", "caf\xe9")
			e.Setenv("HIDDEN", "rent\u202e")
			e.Setenv("BASE", strconv.Itoa(base))
			e.Setenv("BASE2", strconv.Itoa(base+porttest.Size/2))
			for i := 1; i <= 3; i++ {
				e.Setenv(fmt.Sprintf("PORT%d", i), strconv.Itoa(base+i))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"certify":  certify(t),
			"samejson": sameJSON,
			"await":    await,
			"closed":   closed,
			"signal":   signalProcess,
			"occupy":   occupy,
			"stuck":    stuck,
			"submit":   submit,
		},
	})
}

// freePorts returns a base port whose range is the test's until it ends.
func freePorts(t *testing.T) int {
	t.Helper()
	base, release, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return base
}

func local(port string) string { return net.JoinHostPort("127.0.0.1", port) }

// certify DIR BRANCH... gives branches new certificates, and clients named auditor, teller and
// operator theirs, in a directory that is made with a CA of its own. Again, the CA stays.
func certify(t *testing.T) func(*testscript.TestScript, bool, []string) {
	made := map[string]*certstest.Bank{}
	var mu sync.Mutex
	return func(ts *testscript.TestScript, _ bool, args []string) {
		mu.Lock()
		defer mu.Unlock()
		dir := ts.MkAbs(args[0])
		b := made[dir]
		if b == nil {
			ts.Check(os.Mkdir(dir, 0o700))
			b = &certstest.Bank{Name: "bank", Dir: dir, Branches: certstest.NewCA(t, "branches"), Clients: certstest.NewCA(t, "clients")}
			b.Write(t, certs.BranchCAFile, b.Branches.PEM())
			b.Write(t, certs.ClientCAFile, b.Clients.PEM())
			b.Client(t, "auditor", identity.Auditor)
			b.Client(t, "teller", identity.Teller)
			b.Client(t, "operator", identity.Operator)
			made[dir] = b
		}
		for _, text := range args[1:] {
			id, err := strconv.ParseUint(text, 10, 32)
			ts.Check(err)
			b.Branch(t, uint32(id))
		}
	}
}

// exits CODE PROGRAM ARGUMENT... runs a program that must end with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// submit PORT LIST... sends lists of operations, as JSON, on one stream; all must
// be recorded.
func submit(ts *testscript.TestScript, _ bool, args []string) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "http://"+local(args[0])).Submit(ctx)
	ts.Check(err)
	for _, list := range args[1:] {
		var req bankv1.SubmitRequest
		ts.Check(protojson.Unmarshal([]byte(list), &req))
		ts.Check(stream.Send(&req))
	}
	ts.Check(stream.CloseRequest())
	for range args[1:] {
		res, err := stream.Receive()
		ts.Check(err)
		if res.GetReceipt() == nil {
			ts.Fatalf("answered %v", res)
		}
	}
	ts.Check(stream.CloseResponse())
}

// samejson FILE FILE compares two files as JSON values.
func sameJSON(ts *testscript.TestScript, _ bool, args []string) {
	var values [2]any
	for i := range values {
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[i])), &values[i]))
	}
	if diff := cmp.Diff(values[0], values[1]); diff != "" {
		ts.Fatalf("%s and %s differ:\n%s", args[0], args[1], diff)
	}
}

// patience is how long a story waits for what must come; how long it takes is
// not what is tested.
const patience = time.Minute

// eventually asks again and again until it hears yes.
func eventually(ts *testscript.TestScript, what string, yes func() bool) {
	for began := time.Now(); !yes(); time.Sleep(2 * time.Millisecond) {
		if time.Since(began) > patience {
			ts.Fatalf("waited in vain for %s", what)
		}
	}
}

// await FILE REGEXP [COUNT] waits until a file that somebody writes matches, a
// number of times.
func await(ts *testscript.TestScript, _ bool, args []string) {
	want := 1
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		want = n
	}
	path, pattern := ts.MkAbs(args[0]), regexp.MustCompile(args[1])
	eventually(ts, args[1], func() bool {
		data, err := os.ReadFile(path)
		return err == nil && len(pattern.FindAll(data, -1)) >= want
	})
}

// closed PORT... waits until nobody listens on the ports any more.
func closed(ts *testscript.TestScript, _ bool, args []string) {
	for _, port := range args {
		eventually(ts, "port "+port+" to close", func() bool {
			c, err := net.Dial("tcp", local(port))
			if err == nil {
				_ = c.Close()
			}
			return err != nil
		})
	}
}

// signal NAME FILE REGEXP sends a signal to the process whose id is the
// regexp's group in the file.
func signalProcess(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{
		"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL,
		"STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
	found := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) != 2 {
		ts.Fatalf("%s has no %s", args[1], args[2])
	}
	id, err := strconv.Atoi(found[1])
	ts.Check(err)
	ts.Check(syscall.Kill(id, signals[args[0]]))
	if args[0] == "STOP" {
		eventually(ts, "the process to stop", func() bool { return allStopped(id) })
	}
}

// allStopped reports whether all threads of a process are stopped: each goes on
// until it takes the signal. Where there is no /proc, nobody knows.
func allStopped(id int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", id))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err == nil && !regexp.MustCompile(`\) [TtZX] `).Match(stat) {
			return false
		}
	}
	return true
}

// occupy PORT listens on a port until the story ends.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", local(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// stuck PORT serves a branch 1 that says it is ready and then never answers a
// write, until the story ends.
func stuck(ts *testscript.TestScript, _ bool, args []string) {
	s := newStuckBranch(args[0])
	ts.Check(s.err)
	ts.Defer(s.close)
}

// stuckBranch is a branch that never answers a deposit.
type stuckBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
	server *http.Server
	// called is told of each deposit that waits.
	called chan struct{}
	closed chan struct{}
	// released ends the deposits that wait.
	released chan struct{}
	err      error
}

func newStuckBranch(port string) *stuckBranch {
	s := &stuckBranch{called: make(chan struct{}, 100), closed: make(chan struct{}), released: make(chan struct{})}
	l, err := net.Listen("tcp", local(port))
	if err != nil {
		s.err = err
		return s
	}
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(s))
	s.server = &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	s.server.Protocols.SetUnencryptedHTTP2(true)
	go func() {
		_ = s.server.Serve(l)
		close(s.closed)
	}()
	return s
}

func (s *stuckBranch) close() {
	close(s.released)
	_ = s.server.Close()
	<-s.closed
}

func (s *stuckBranch) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{Branch: 1, State: bankv1.BranchState_BRANCH_STATE_SERVING}, nil
}

// Query answers at once.
func (s *stuckBranch) Query(context.Context, *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	return &bankv1.QueryResponse{Balance: 10}, nil
}

// Deposit does not answer when the caller's time is up either: that would race
// with what the caller makes of it.
func (s *stuckBranch) Deposit(context.Context, *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	s.called <- struct{}{}
	<-s.released
	return nil, connect.NewError(connect.CodeUnavailable, errors.New("released"))
}
