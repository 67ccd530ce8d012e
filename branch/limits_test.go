package branch_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// protocols are the ways of calling a branch from a program.
var protocols = map[string][]connect.ClientOption{
	"Connect":         nil,
	"Connect in JSON": {connect.WithProtoJSON()},
	"Connect by GET":  {connect.WithHTTPGet()},
	"gRPC":            {connect.WithGRPC()},
	"gRPC-Web":        {connect.WithGRPCWeb()},
}

func (b *bank) speaking(at uint32, client connect.HTTPClient, protocol string) bankv1connect.BranchServiceClient {
	b.t.Helper()
	return bankv1connect.NewBranchServiceClient(client, "http://"+b.at(at).address, protocols[protocol]...)
}

func wantRefusal(t testing.TB, err error, text string) {
	t.Helper()
	if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want resource_exhausted that says %q", err, text)
	}
}

func TestARequestOverTheSizeLimitIsRefused(t *testing.T) {
	b := runBank(t, 2, 100)
	for _, name := range sortedKeys(protocols) {
		_, err := b.speaking(1, b.http, name).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1, Account: strings.Repeat("a", 64<<10)})
		if wantRefusal(t, err, "65536"); t.Failed() {
			t.Fatal(name)
		}
	}
	// A small request that becomes large when it is unpacked.
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(`{"amount":1,"account":"` + strings.Repeat("a", 8<<20) + `"}`))
	_ = w.Close()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(1).address+branchService+"Deposit", &packed)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	do(t, req).wantError(t, http.StatusTooManyRequests, "resource_exhausted", "65536")
	// A message whose end never comes.
	req, err = http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(1).address+branchService+"Deposit", io.LimitReader(zeros{}, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	do(t, req).wantError(t, http.StatusTooManyRequests, "resource_exhausted", "65536")
	b.wantBalance(1, 100)
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestDeepRequestsAreRefused(t *testing.T) {
	b := runBank(t, 1, 100)
	deep := func(open, end string) string { return strings.Repeat(open, 10_000) + strings.Repeat(end, 10_000) }
	for _, body := range []string{deep("[", "]"), deep(`{"a":`, "}")[:60_000], `{"amount":` + deep("[", "]") + `}`, `{"b":` + deep("[", "]") + `}`} {
		b.post(1, branchService+"Deposit", body).wantError(t, http.StatusBadRequest, "invalid_argument")
	}
	groups := bytes.Repeat([]byte{0x4b}, 60_000) // each opens a group in the one before
	if a := b.postAs(1, branchService+"Deposit", "application/proto", groups); a.status != http.StatusBadRequest {
		t.Errorf("%+v", a)
	}
	b.wantBalance(1, 100)
}

func TestRequestsWithTooManyHeadersAreRefused(t *testing.T) {
	b := runBank(t, 1, 100)
	clients := map[string]http.RoundTripper{"HTTP/1.1": &http.Transport{DisableKeepAlives: true}, "HTTP/2": b.http.Transport}
	for name, client := range clients {
		for headers, want := range map[int]int{100: http.StatusOK, 1000: http.StatusRequestHeaderFieldsTooLarge} {
			req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(1).address+branchService+"Query", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			for range headers {
				req.Header.Add("X-More", strings.Repeat("a", 64))
			}
			res, err := client.RoundTrip(req)
			if err != nil && headers == 1000 && strings.Contains(err.Error(), "larger than peer's advertised limit") {
				continue // the branch has said how much it takes
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("%s, %d headers: %s, want %d", name, headers, res.Status, want)
			}
		}
	}
	b.wantBalance(1, 100)
}

// When customers have calls in hand on as many connections as there may be, a call on
// one more is refused. Peers, and customers on those connections, are served.
func TestCustomersOverTheConnectionLimitAreToldAndPeersAreServed(t *testing.T) {
	b := runBankWith(t, 3, 300, branchOptions{MaxConnections: 1, PeerTimeout: testTimeout})
	deposit := b.inHand(&bankv1.DepositRequest{Amount: 10}) // until branch 2 answers
	for _, name := range sortedKeys(protocols) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if name == "gRPC" {
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetUnencryptedHTTP2(true)
			defer transport.CloseIdleConnections()
			client.Transport = transport
		}
		_, err := b.speaking(1, client, name).Query(b.ctx, &bankv1.QueryRequest{})
		if wantRefusal(t, err, "as many connections as this branch serves"); t.Failed() {
			t.Fatal(name)
		}
	}
	b.wantBalance(1, 310) // on the connection that has a place
	b.cut(1, 3)
	b.awaitStatus(1, "that branch 3 is gone", func(s *bankv1.GetStatusResponse) bool { return !s.GetPeers()[1].GetReachable() })
	b.heal(1, 3)
	b.awaitStatus(1, "branch 3 again", func(s *bankv1.GetStatusResponse) bool { return s.GetPeers()[1].GetReachable() })
	b.post(1, peerServiceName+"Claim", `{"branch":3,"amount":10,"ticket":{"clock":1,"branch":3}}`).wantField(t, "granted", "60")
	b.awaitStatus(3, "the deposit and the grant", func(s *bankv1.GetStatusResponse) bool { return s.GetApplied()[0].GetSequence() == 2 })
	b.setRoads(1, 2, func(r *road) { r.setFrozen(false) })
	if err := <-deposit; err != nil {
		t.Error(err)
	}
	b.http.CloseIdleConnections()
	for b.post(1, branchService+"Query", `{}`).status != http.StatusOK { // until the branch has noticed
	}
}

// When a queue of the replica is full, further calls are refused. Those in it are
// answered in the end.
func TestCallsOverTheQueueAreRefused(t *testing.T) {
	b := newBank(t, 2, 100, branchOptions{PeerTimeout: testTimeout})
	b.start(1) // waits to hear from branch 2, and holds calls until then
	const calls, held, connections = 4200, 4096, 5
	answers := make(chan error, calls)
	for range connections {
		client := b.connected(1)
		for range calls / connections {
			go func() {
				_, err := client.Query(b.ctx, &bankv1.QueryRequest{})
				answers <- err
			}()
		}
	}
	for range calls - held {
		wantRefusal(t, <-answers, "too many calls wait at this branch")
	}
	b.start(2)
	for range held {
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
}

// Requests that are not sent to their end, and replies that are not read, are given up
// in time. Others are served meanwhile.
func TestSlowCustomersHoldNothingUp(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 2, 100)
	address := b.at(1).address
	head := "POST " + branchService + "Deposit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	var slow sync.WaitGroup
	raw := func(what, sent, want string) {
		slow.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, sent)
			got, _ := io.ReadAll(c) // ends because the branch closes the connection
			if !strings.Contains(string(got), want) {
				t.Errorf("%s got %q, want %q", what, got, want)
			}
		})
	}
	for range 50 {
		raw("silence", "", "")
		raw("half of the headers", head, "")
		raw("a body that does not come", head+"Content-Length: 100\r\n\r\n{", "did not arrive within 5s")
	}
	for _, name := range []string{"Connect", "gRPC", "gRPC-Web"} {
		slow.Go(func() {
			slowly := connectClientFunc(func(req *http.Request) (*http.Response, error) {
				whole := req.Body
				stop := make(chan struct{})
				req.Body, req.ContentLength = struct {
					io.Reader
					io.Closer
				}{io.MultiReader(io.LimitReader(whole, 3), until(stop)), &closer{end: func() { close(stop) }}}, -1
				return b.http.Do(req)
			})
			_, err := b.speaking(1, slowly, name).Deposit(b.ctx, &bankv1.DepositRequest{Amount: 1})
			if connect.CodeOf(err) != connect.CodeDeadlineExceeded || !strings.Contains(err.Error(), "did not arrive within 5s") {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for range 300 {
		b.post(1, branchService+"Query", `{}`).wantField(t, "balance", "100")
	}
	slow.Wait()
	b.wantBalance(1, 100)
}

type connectClientFunc func(*http.Request) (*http.Response, error)

// Do implements connect.HTTPClient.
func (f connectClientFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// closer calls end when it is first closed.
type closer struct {
	once sync.Once
	end  func()
}

// Close implements io.Closer.
func (c *closer) Close() error {
	c.once.Do(c.end)
	return nil
}

// until is a reader that waits and then ends.
type until chan struct{}

// Read implements io.Reader.
func (u until) Read([]byte) (int, error) {
	<-u
	return 0, io.EOF
}

// Customers that ask for long listings and don't read them take only the memory of a
// few listings, and are cut off in time. Others get their listing.
func TestListingsThatAreNotReadAreBrokenOff(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := newBank(t, 1, 0, branchOptions{})
	b.inProcesses = true
	b.startAll()
	long := strings.Repeat("a", 128)
	var filling sync.WaitGroup
	for i := range 1000 {
		filling.Go(func() {
			id := quote(strings.Repeat("r", 120) + string(rune('a'+i/26/26)) + string(rune('a'+i/26%26)) + string(rune('a'+i%26)))
			b.post(1, branchService+"Deposit", `{"amount":1,"account":"`+long+`","requestId":`+id+`}`)
		})
	}
	filling.Wait()
	// Windows of 64 KiB: the rest of a reply stays at the branch.
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 4<<20 - 1}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	var unread []io.Closer
	for range 64 {
		req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, "http://"+b.at(1).address+branchService+"ListEntries", strings.NewReader(`{"account":"`+long+`","pageSize":1000}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		unread = append(unread, res.Body)
	}
	b.post(1, branchService+"Deposit", `{"amount":1}`).wantField(t, "balance", "1")
	// All places are taken; one of these gets its listing when they are free.
	if got := b.list(1, &bankv1.ListEntriesRequest{Account: long, PageSize: 1000}); len(got) != 1000 {
		t.Errorf("%d entries, want 1000", len(got))
	}
	broken := 0
	for _, c := range unread {
		if _, err := io.Copy(io.Discard, c.(io.Reader)); err != nil {
			broken++
		}
		c.Close()
	}
	if broken == 0 {
		t.Error("no reply was broken off")
	}
	b.wantPeakMemory(1, "64 listings that are not read")
}

// A link that says no hello gives way to newer ones, and can send little.
func TestLinksWithoutAHelloAreBounded(t *testing.T) {
	b := newBank(t, 3, 300, branchOptions{Bootstrap: true, PeerTimeout: patient / 10})
	b.start(2)
	b.awaitReady(2)
	var streams []*connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse]
	open := func() *connect.BidiStreamForClientSimple[bankv1.PropagateRequest, bankv1.PropagateResponse] {
		s, err := b.peers(2).Propagate(b.ctx)
		if err == nil {
			err = s.Send(nil) // the headers alone
		}
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, s)
		return s
	}
	defer func() {
		for _, s := range streams {
			_ = s.CloseRequest()
			_ = s.CloseResponse()
		}
	}()
	for range 65 {
		open()
	}
	refused := make(chan error, 65)
	for _, s := range streams[:65] {
		go func() {
			_, err := s.Receive()
			refused <- err
		}()
	}
	wantRefusal(t, <-refused, "more links wait to say hello")
	s := open()
	h := b.hello()
	for range 20_000 {
		h.Applied = append(h.Applied, &bankv1.Position{Branch: 1, Sequence: 1})
	}
	if err := s.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: h}}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_, err := s.Receive()
	if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "at most 65536 bytes") {
		t.Errorf("a hello that is too large: %v", err)
	}
}

func TestAStatusListsAThousandAccounts(t *testing.T) {
	b := runBank(t, 1, 0)
	client := b.customers(1)
	var opening sync.WaitGroup
	for i := range 1001 {
		opening.Go(func() {
			if _, err := client.Deposit(b.ctx, &bankv1.DepositRequest{Account: fmt.Sprint("a", i), Amount: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	if s := b.status(1); len(s.GetAccounts()) != 1000 || !s.GetAccountsTruncated() {
		t.Errorf("%d accounts, truncated: %t", len(s.GetAccounts()), s.GetAccountsTruncated())
	}
}
