package branch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// crowd is a client that opens many streams on few connections and says nothing.
type crowd struct {
	t       *testing.T
	address string
	conns   []net.Conn
	reading sync.WaitGroup
}

// join opens a number of streams of a procedure on each of a number of connections, with
// only their headers, and returns when the branch has them all.
func (c *crowd) join(conns, streams int, procedure string) {
	c.t.Helper()
	for range conns {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			c.t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		var out bytes.Buffer
		out.WriteString(http2.ClientPreface)
		frames := http2.NewFramer(&out, nil)
		_ = frames.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		_ = frames.WriteSettingsAck()
		_ = frames.WriteWindowUpdate(0, 1<<30)
		for i := range streams {
			_ = frames.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: silentHeaders(c.address, procedure), EndHeaders: true})
		}
		_ = frames.WritePing(false, [8]byte{1})
		taken := make(chan struct{})
		c.reading.Go(func() { c.read(conn, taken) })
		if _, err := conn.Write(out.Bytes()); err != nil {
			c.t.Error(err)
		}
		<-taken
	}
}

// read reads the branch's frames. It closes taken when the branch has all streams of the
// connection.
func (c *crowd) read(conn net.Conn, taken chan<- struct{}) {
	frames := http2.NewFramer(io.Discard, conn)
	for {
		f, err := frames.ReadFrame()
		if err != nil {
			c.t.Error("the branch hung up on the crowd: ", err)
			close(taken)
			return
		}
		if p, ok := f.(*http2.PingFrame); ok && p.IsAck() {
			close(taken)
			_, _ = io.Copy(io.Discard, conn)
			return
		}
	}
}

// silentHeaders are the headers of a call over gRPC.
func silentHeaders(address, procedure string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(0)
	for _, field := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":authority", address}, {":path", procedure},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1], Sensitive: true})
	}
	return block.Bytes()
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		conn.Close()
	}
	c.reading.Wait()
}

const reflectionProcedure = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"

// Seventeen connections with a thousand streams each that say nothing lock nobody
// out, whatever they call, nor do all of them together.
func TestSilentStreamsLockNobodyOut(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{})
	b.inProcesses = true
	b.startAll()
	address := b.at(2).address
	c := &crowd{t: t, address: address}
	defer c.leave()
	c.join(17, crowdStreams, reflectionProcedure)
	b.wantEverybodyServed(address, reflectionProcedure)
	for _, procedure := range []string{
		bankv1connect.BranchServiceDepositProcedure, bankv1connect.BranchServiceGetStatusProcedure, bankv1connect.BranchServiceWatchProcedure,
		bankv1connect.BranchServiceSubmitProcedure, bankv1connect.PeerServiceClaimProcedure, bankv1connect.PeerServicePropagateProcedure,
		"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/no/such/call",
	} {
		c.join(5, crowdStreams, procedure)
		b.wantEverybodyServed(address, procedure)
	}
	b.wantPeakMemory(2, fmt.Sprintf("%d silent streams", 62*crowdStreams))
}

// wantEverybodyServed checks that a branch serves all kinds of calls, each on a connection
// of its own.
func (b *bank) wantEverybodyServed(address, procedure string) {
	b.t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	customer := bankv1connect.NewBranchServiceClient(client, "http://"+address, connect.WithGRPC())
	ctx, cancel := context.WithTimeout(b.ctx, testTimeout)
	defer cancel()
	check := func(what string, err error) {
		b.t.Helper()
		if err != nil {
			b.t.Errorf("%s: %v", what, err)
		}
	}
	_, err := customer.Deposit(ctx, &bankv1.DepositRequest{Amount: 1})
	check("a deposit, which goes to all peers", err)
	_, err = customer.GetStatus(ctx, &bankv1.GetStatusRequest{})
	check("a status", err)
	watch, err := customer.Watch(ctx, &bankv1.WatchRequest{Scope: bankv1.WatchScope_WATCH_SCOPE_BRANCH})
	if err == nil && !watch.Receive() {
		err = watch.Err()
	}
	check("a watch", err)
	cancelWatch(watch)
	lists, err := customer.Submit(ctx)
	if err == nil {
		err = lists.Send(&bankv1.SubmitRequest{RequestId: "beside " + procedure, Accounts: []string{"a"}, To: []uint32{1}, Amounts: []int64{1}})
	}
	if err == nil {
		_, err = lists.Receive()
	}
	check("a list", err)
	_ = lists.CloseRequest()
	_ = lists.CloseResponse()
	_, err = bankv1connect.NewPeerServiceClient(client, "http://"+address, connect.WithGRPC()).Collect(ctx, &bankv1.CollectRequest{Branch: 1, Collect: 1, Look: 1})
	check("a peer's look", err)
	reflection := grpcreflect.NewClient(client, "http://"+address, connect.WithGRPC()).NewStream(ctx)
	_, err = reflection.ListServices()
	check("reflection", err)
	_, _ = reflection.Close()
	post := func(what, path, body string) {
		b.t.Helper()
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Post("http://"+address+path, "application/json", strings.NewReader(body))
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("HTTP %s", res.Status)
		}
		check(what, err)
		if err == nil {
			res.Body.Close()
		}
	}
	post("health", "/grpc.health.v1.Health/Check", "{}")
	post("a query over HTTP/1.1", bankv1connect.BranchServiceQueryProcedure, "{}")
}

func cancelWatch(watch *connect.ServerStreamForClient[bankv1.WatchResponse]) {
	if watch != nil {
		_ = watch.Close()
	}
}

// One address can have customers' calls at work on three quarters of the connections.
func TestOneAddressLeavesConnectionsToOthers(t *testing.T) {
	b := runBankWith(t, 1, 100, branchOptions{MaxConnections: 8})
	// watch has a stream at work on a connection of its own.
	watch := func(from string) error {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		transport := &http.Transport{DialContext: dialer.DialContext, Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		t.Cleanup(transport.CloseIdleConnections)
		client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "http://"+b.at(1).address, connect.WithGRPC())
		ctx, cancel := context.WithCancel(b.ctx)
		t.Cleanup(cancel)
		s, err := client.Watch(ctx, &bankv1.WatchRequest{Scope: bankv1.WatchScope_WATCH_SCOPE_BRANCH})
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = s.Close() })
		if !s.Receive() {
			return s.Err()
		}
		return nil
	}
	for range 6 {
		if err := watch("127.0.0.2"); err != nil {
			t.Skip("this machine has one loopback address only: ", err)
		}
	}
	wantRefusal(t, watch("127.0.0.2"), "as one address may")
	for range 2 {
		if err := watch("127.0.0.3"); err != nil {
			t.Errorf("from another address: %v", err)
		}
	}
	wantRefusal(t, watch("127.0.0.4"), "as many connections as this branch serves")
}
