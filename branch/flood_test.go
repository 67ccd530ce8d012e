package branch_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// maxFloodBytes is the most memory that a branch may use under the floods below. With the
// race detector, which tests run with, everything takes several times as much memory;
// docs/limits.md has the figures.
const maxFloodBytes = 1536 << 20

// peakMemory is the most memory that a branch's process has had, in bytes.
func (b *bank) peakMemory(id uint32) int {
	b.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.at(id).process.cmd.Process.Pid))
	if err != nil {
		b.t.Skip(err) // not Linux
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return kB << 10
}

func (b *bank) wantPeakMemory(id uint32, what string) {
	b.t.Helper()
	peak := b.peakMemory(id)
	b.t.Logf("%s: at most %d MiB", what, peak>>20)
	if peak > maxFloodBytes {
		b.t.Errorf("%s: %d MiB, more than %d MiB", what, peak>>20, maxFloodBytes>>20)
	}
}

// openConnections counts the sockets of a branch's process.
func (b *bank) openConnections(id uint32) int {
	b.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", b.at(id).process.cmd.Process.Pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		b.t.Skip(err) // not Linux
	}
	sockets := 0
	for _, f := range files {
		if to, err := os.Readlink(dir + "/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			sockets++
		}
	}
	return sockets
}

// Ten thousand customers connect, and none of them closes its connection. Each
// is served; the connections that have been idle for longest are closed; and
// the branches find each other again.
func TestTenThousandConnections(t *testing.T) {
	connections := 10_000
	var files syscall.Rlimit // Go has raised it as far as it goes
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil && int(files.Cur) < connections+1000 {
		connections = int(files.Cur) - 1000
	}
	b := newBank(t, 2, 100, branchOptions{})
	b.inProcesses = true
	b.startAll()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			c.Close()
		}
	}()
	const query = "POST " + branchService + "Query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	reply := make([]byte, 4096)
	for i := range connections {
		c, err := net.Dial("tcp", b.at(1).address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		all = append(all, c)
		if i%2 == 0 {
			continue // says nothing
		}
		if _, err := io.WriteString(c, query); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if n, err := c.Read(reply); err != nil || !strings.HasPrefix(string(reply[:n]), "HTTP/1.1 200 OK") {
			t.Fatalf("connection %d: %v, %q", i, err, reply[:n])
		}
	}
	const most = 4096 + 256
	if open := b.openConnections(1); open < min(connections/3, most/2) || open > most+20 {
		t.Errorf("%d connections are open, want about %d", open, most)
	}
	b.cut(1, 2)
	b.heal(1, 2)
	b.awaitLinks()
	if res := b.deposit(2, 10); len(res.GetUnreachableBranches()) > 0 {
		t.Errorf("branch 1 is locked out: %v", res)
	}
	b.wantStrongBalance(1, 110)
	b.wantPeakMemory(1, fmt.Sprintf("%d connections", connections))
}

// A peer that floods: frames by the thousand that want everything there is
// again and again, frames of the largest size and larger, links without number
// and without hello, claims and looks by the thousand at once. Whoever is
// refused is told why, and customers are served all the time.
func TestAPeerThatFloods(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.inProcesses = true
	b.start(2) // the test is branch 1
	b.awaitReady(2)
	long := strings.Repeat("a", 128)
	for range 200 {
		b.mustDeposit(2, &bankv1.DepositRequest{Amount: 1, Account: long, Acknowledge: local})
	}
	b.wantPeakMemory(2, "before the flood")

	var flood sync.WaitGroup
	flood.Go(b.floodWithWants)
	flood.Go(b.floodWithGiants)
	flood.Go(b.floodWithLinks)
	flood.Go(b.floodWithClaims)
	over := make(chan struct{})
	go func() {
		defer close(over)
		flood.Wait()
	}()
	served := 0
	for running := true; running; served++ {
		b.post(2, branchService+"Deposit", `{"amount":1,"account":"x","acknowledge":"ACKNOWLEDGE_LOCAL"}`).wantField(t, "replay", false)
		select {
		case <-over:
			running = false
		default:
		}
	}
	t.Logf("%d customers were served during the flood", served)
	b.post(2, branchService+"Query", `{"account":"x"}`).wantField(t, "balance", fmt.Sprint(served))
	b.wantPeakMemory(2, "after the flood")
}

type linkStream = *connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse]

// openLink opens a link to branch 2 in the name of branch 1.
func (b *bank) openLink() linkStream {
	s, err := b.peers(2).Propagate(b.ctx)
	if err == nil {
		err = s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: b.hello()}})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.t.Error(err)
	}
	return s
}

// last returns how a link ended.
func last(s linkStream) error {
	for {
		if _, err := s.Receive(); err != nil {
			_ = s.CloseRequest()
			_ = s.CloseResponse()
			return err
		}
	}
}

// floodWithWants asks for everything, and reads nothing. The links replace
// each other with those of the other floods.
func (b *bank) floodWithWants() {
	var wants, tooMany []*bankv1.Want
	for i := range 3 { // with more, the frame asks for nothing
		wants = append(wants, &bankv1.Want{Branch: uint32(i + 1)})
	}
	for range 2000 {
		tooMany = append(tooMany, wants[0])
	}
	for range 10 {
		s := b.openLink()
		for range 200 {
			if s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Wants: wants, Sync: true}}) != nil {
				break
			}
		}
		_ = s.CloseRequest()
		_ = s.CloseResponse()
	}
	s := b.openLink()
	_ = s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Wants: tooMany}})
	if err := last(s); connect.CodeOf(err) == connect.CodeInvalidArgument && !strings.Contains(err.Error(), "at most 1024") {
		b.t.Errorf("too many wants: %v", err)
	}
}

// floodWithGiants sends frames of almost the largest size and of more.
func (b *bank) floodWithGiants() {
	var wg sync.WaitGroup
	for _, size := range []int{15 << 20, 17 << 20, 15 << 20, 17 << 20} {
		wg.Go(func() {
			s := b.openLink()
			batch := &bankv1.SealedBatch{Batch: make([]byte, size), Hash: make([]byte, 32)}
			_ = s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Batches: []*bankv1.SealedBatch{batch}}})
			err := last(s)
			if code := connect.CodeOf(err); code == connect.CodeResourceExhausted && !strings.Contains(err.Error(), "larger than configured max") && !strings.Contains(err.Error(), "more links") {
				b.t.Errorf("a frame of %d bytes: %v", size, err)
			}
		})
	}
	wg.Wait()
}

// floodWithLinks opens links that say hello, each of which replaces the one
// before, and links that say nothing.
func (b *bank) floodWithLinks() {
	var ends sync.WaitGroup
	for range 100 {
		s := b.openLink()
		ends.Go(func() { _ = last(s) })
		silent, err := b.peers(2).Propagate(b.ctx)
		if err == nil {
			err = silent.Send(nil)
		}
		if err != nil {
			b.t.Error(err)
			continue
		}
		ends.Go(func() {
			if err := last(silent); connect.CodeOf(err) == connect.CodeResourceExhausted && !strings.Contains(err.Error(), "had waited longest") {
				b.t.Errorf("a link without a hello: %v", err)
			}
		})
	}
	ends.Wait()
}

// floodWithClaims makes claims and looks, on an account of its own each.
func (b *bank) floodWithClaims() {
	var calls sync.WaitGroup
	// On a connection of its own: that of the links may be closed for what they do.
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := bankv1connect.NewPeerServiceClient(&http.Client{Transport: transport}, "http://"+b.at(2).address)
	for i := range 1500 {
		name := fmt.Sprint(strings.Repeat("c", 100), i)
		check := func(err error) {
			if err != nil && connect.CodeOf(err) != connect.CodeResourceExhausted {
				b.t.Error(err)
			}
		}
		calls.Go(func() {
			_, err := client.Claim(b.ctx, &bankv1.ClaimRequest{Branch: 3, Account: name, Amount: 1, Ticket: &bankv1.Ticket{Clock: 1, Branch: 3}})
			check(err)
		})
		calls.Go(func() {
			_, err := client.Collect(b.ctx, &bankv1.CollectRequest{Branch: 3, Account: name, Collect: 1, Look: 3, Hold: true})
			check(err)
		})
	}
	calls.Wait()
}
