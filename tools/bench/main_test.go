package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// TestMain lets the test binary be the servers that the bench starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && limits[os.Args[1]] != nil {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--only nothing", `--only "nothing" is no goal; there are one-by-one, bulk`},
		{"--runs 0", "--runs must be at least 1, is 0"},
		{"--entries 10,5", "in increasing order"},
		{"--branches 1,3", "fan-out needs a peer"},
		{"--only before", "--only before needs --before"},
		{"extra", `unexpected argument "extra"`},
	} {
		var errOut bytes.Buffer
		if _, err := parse(strings.Fields(tt.args), &errOut); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %s", tt.args, err, tt.want)
		}
	}
	o, err := parse(strings.Fields("--only bulk,idle --runs 7 --charts drawn"), os.Stderr)
	if err != nil || o.charts != "drawn" || !o.wants("bulk") || o.wants("growth") || o.runs != 7 {
		t.Errorf("got %+v, %v", o, err)
	}
	if o, err := parse(nil, os.Stderr); err != nil || o.wants("before") {
		t.Errorf("without --before: got %+v, %v", o, err)
	}
	if o, err := parse([]string{"--before", "old"}, os.Stderr); err != nil || !o.wants("before") {
		t.Errorf("with --before: got %+v, %v", o, err)
	}
}

func TestAnAbsentPeerIsSkippedByName(t *testing.T) {
	b := &bench{errOut: t.Output()}
	_, err := find("no-such-server", "", "apt-get install no-such-server")
	if !b.absent(err) {
		t.Fatalf("got error %v, want that it is absent", err)
	}
	b.absent(err)
	if got, want := strings.Join(b.skipped, "\n"), "no-such-server is not installed (apt-get install no-such-server)"; got != want {
		t.Errorf("got %q, want %q once", got, want)
	}
	if b.absent(errors.New("another")) {
		t.Error("another error counts as an absent peer")
	}
}

// usual is what a branch answers.
var usual = &bankv1.DepositResponse{Balance: 1_000_000, Receipt: &bankv1.Receipt{Branch: 3, Sequence: 1000}, Session: "CgQIARAB"}

// TestLimits runs the limits, in processes of their own, as
// the bench does.
func TestLimits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &bench{self: self, dir: dir, servers: newServers(dir), errOut: t.Output(), options: options{runs: 1, duration: 50 * time.Millisecond}}
	defer func() {
		if err := b.servers.close(); err != nil {
			t.Error(err)
		}
	}()
	port, err := findPorts(1)
	if err != nil {
		t.Fatal(err)
	}
	echo, at, err := b.startEcho(t.Context(), "echo", usual, port)
	if err != nil {
		t.Fatal(err)
	}
	for _, http2 := range []bool{true, false} {
		transport := customerTransport(http2)
		r, err := b.with([]*process{echo}, b.throughput("echo", depositing(at, transport, 2))).run(t.Context(), 0)
		if err != nil || r[perSecond] == 0 {
			t.Errorf("echo with HTTP/2 %t: got %v, %v", http2, r, err)
		}
		transport.CloseIdleConnections()
	}
	pong, near, err := b.startPong(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := near.round(); err != nil {
		t.Error(err)
	}
	near.close()
	if err := b.servers.stop(pong); err != nil {
		t.Error(err)
	}
	r, err := b.fanOf("fan", 3).run(t.Context(), 0)
	if err != nil || r[perSecond] == 0 || r[cpuPerOperation] <= 0 || r[p50] <= 0 {
		t.Errorf("fan: got %v, %v", r, err)
	}
}

func TestUntilSaysWhatEnded(t *testing.T) {
	dir := t.TempDir()
	s := newServers(dir)
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	p, err := s.start(command{name: "false", path: "/bin/sh", args: []string{"-c", "echo out of order; exit 7"}})
	if err != nil {
		t.Fatal(err)
	}
	err = until(t.Context(), "wait for it", []*process{p}, func(context.Context) error { return errors.New("not yet") })
	for _, want := range []string{"wait for it", "exit status 7", "out of order"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want it to say %q", err, want)
		}
	}
}

func TestStatusField(t *testing.T) {
	got, err := statusField("Name:\tbench\nVmRSS:\t   12345 kB\n", "VmRSS:")
	if err != nil || got != 12345 {
		t.Errorf("got %d, %v, want 12345", got, err)
	}
	if _, err := statusField("Name:\tbench\n", "VmRSS:"); err == nil {
		t.Error("no such line: got no error")
	}
}

func TestCPUTimeGrows(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); ; n++ {
		if n%(1<<20) == 0 {
			if now, err := cpuTime(os.Getpid()); err != nil || now > before {
				return
			}
		}
	}
}
