package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// The bare group commit does about the least that three processes can do for a
// write that is synced at one of them and has reached all three before the
// answer. It is the bare echo, except that calls wait for a batch. Each batch costs
// one sync, one message to each peer, and an ack from each. It has no ledger,
// decides and checks nothing, and its links are plain TCP. Each process knows how
// many calls to wait for, so no batch is smaller than it has to be. It is no
// strict bound: branches that share a process need no messages between processes.

const (
	// groupBytes is the size of a batch, in the log and on the wire.
	groupBytes = 1000
	// groupAckBytes is the size of an ack.
	groupAckBytes = 16
	// groupLog is how much of the log is filled with zeros before it is used, in
	// a circle, so that a sync writes nothing else.
	groupLog = 4000 * groupBytes
	// groupPatience is how long a batch waits for more calls.
	groupPatience = 5 * time.Millisecond
)

// groupService answers a deposit when the batch that it is in has arrived.
type groupService struct {
	echoService
	calls chan chan struct{}
}

// Deposit implements BranchServiceHandler.
func (s groupService) Deposit(ctx context.Context, q *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	arrived := make(chan struct{})
	s.calls <- arrived
	<-arrived
	return s.echoService.Deposit(ctx, q)
}

// groupMain is one of the processes:
// `bench group --log FILE --link ADDRESS --peers ADDRESS,… ADDRESS`.
func groupMain(args []string) error {
	f := flag.NewFlagSet("group", flag.ContinueOnError)
	encoded := f.String("reply", "", "the DepositResponse to answer with, in base64")
	log := f.String("log", "", "the file that batches are written to")
	link := f.String("link", "", "the address that peers send batches to")
	peers := f.String("peers", "", "the addresses of the peers' links")
	crowd := f.Int("crowd", 1, "how many calls a batch waits for")
	if err := f.Parse(args); err != nil {
		return err
	}
	reply, err := decodeReply(*encoded)
	if err != nil {
		return err
	}
	s := groupService{echoService{reply: reply}, make(chan chan struct{}, 1024)}
	mux := http.NewServeMux()
	mux.Handle(bankv1connect.NewBranchServiceHandler(s, connect.WithCompressMinBytes(4<<10)))
	ended := make(chan error, 3)
	go func() { ended <- acknowledge(*link) }()
	go func() { ended <- commitGroups(s.calls, *crowd, *log, strings.Split(*peers, ",")) }()
	go func() { ended <- serveBare(mux, f.Args()) }()
	return <-ended
}

// acknowledge answers each batch that arrives with an ack.
func acknowledge(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			r, batch := bufio.NewReader(c), make([]byte, groupBytes)
			for {
				if _, err := io.ReadFull(r, batch); err != nil {
					return // the peer has ended
				}
				if _, err := c.Write(batch[:groupAckBytes]); err != nil {
					return
				}
			}
		}()
	}
}

// commitGroups takes calls in batches and lets each go when its batch is synced
// and acknowledged by all peers.
func commitGroups(calls <-chan chan struct{}, crowd int, log string, peers []string) error {
	file, err := filledLog(log)
	if err != nil {
		return err
	}
	links, err := dialAll(peers)
	if err != nil {
		return err
	}
	batch, ack := make([]byte, groupBytes), make([]byte, groupAckBytes)
	patience := time.NewTimer(groupPatience)
	for offset := int64(0); ; offset = (offset + groupBytes) % groupLog {
		waiting := []chan struct{}{<-calls}
		patience.Reset(groupPatience)
		waiting = gather(waiting, calls, crowd, patience.C)
		if _, err := file.WriteAt(batch, offset); err != nil {
			return err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return fmt.Errorf("fdatasync %s: %w", log, err)
		}
		for _, c := range links {
			if _, err := c.Write(batch); err != nil {
				return err
			}
		}
		for _, c := range links {
			if _, err := io.ReadFull(c, ack); err != nil {
				return err
			}
		}
		for _, arrived := range waiting {
			close(arrived)
		}
	}
}

// gather adds calls until there are as many as a batch waits for, or for as long
// as it waits, and then all others that are there.
func gather(waiting []chan struct{}, calls <-chan chan struct{}, crowd int, late <-chan time.Time) []chan struct{} {
	for len(waiting) < crowd {
		select {
		case c := <-calls:
			waiting = append(waiting, c)
			continue
		case <-late:
		}
		break
	}
	for {
		select {
		case c := <-calls:
			waiting = append(waiting, c)
		default:
			return waiting
		}
	}
}

// filledLog makes a file with as many zeros as will be written.
func filledLog(name string) (*os.File, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, groupLog)); err != nil {
		return nil, err
	}
	return f, f.Sync()
}

// dialAll connects to peers that are starting too.
func dialAll(peers []string) (links []net.Conn, err error) {
	for _, address := range peers {
		var c net.Conn
		if err := until(context.Background(), "dial "+address, nil, func(context.Context) (err error) {
			c, err = net.Dial("tcp", address)
			return err
		}); err != nil {
			return nil, err
		}
		links = append(links, c)
	}
	return links, nil
}

// startGroup starts three processes for 32 callers, with their logs in a
// directory. They have the share of the processors that branches take.
func (b *bench) startGroup(ctx context.Context, dir string, reply *bankv1.DepositResponse) ([]*process, []string, error) {
	const members = 3
	encoded, err := encodeReply(reply)
	if err != nil {
		return nil, nil, err
	}
	base, err := findPorts(2 * members)
	if err != nil {
		return nil, nil, err
	}
	link := func(i int) string { return hostPort(base + members + i%members) }
	var processes []*process
	var addresses []string
	for i := range members {
		name := fmt.Sprintf("bare group commit %d of %d", i+1, members)
		p, err := b.servers.start(command{name: name, path: b.self, args: []string{
			"group", "--reply", encoded, "--log", filepath.Join(dir, fmt.Sprintf("group%d.log", i+1)),
			"--link", link(i), "--peers", link(i+1) + "," + link(i+2), "--crowd", fmt.Sprint(callers / members), hostPort(base + i),
		}, env: []string{fmt.Sprintf("GOMAXPROCS=%d", (runtime.NumCPU()+members-1)/members)}})
		if err != nil {
			return nil, nil, err
		}
		processes, addresses = append(processes, p), append(addresses, hostPort(base+i))
	}
	return processes, addresses, awaitReply(ctx, "the bare group commit", processes, addresses, reply)
}
