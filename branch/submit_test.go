package branch_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// submit sends lists on one stream and returns their answers.
func (b *bank) submit(id uint32, lists ...*bankv1.SubmitRequest) []*bankv1.SubmitResponse {
	b.t.Helper()
	stream, err := b.customers(id).Submit(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, l := range lists {
		if err := stream.Send(l); err != nil {
			b.t.Fatalf("list %s: %v", l.GetRequestId(), err)
		}
	}
	if err := stream.CloseRequest(); err != nil {
		b.t.Fatal(err)
	}
	var answers []*bankv1.SubmitResponse
	for {
		res, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.t.Fatal(err)
		}
		answers = append(answers, res)
	}
	if err := stream.CloseResponse(); err != nil {
		b.t.Fatal(err)
	}
	return answers
}

// The columns of a list: deposits into the first account, one after the other.
func deposits(id string, amounts ...int64) *bankv1.SubmitRequest {
	to := make([]uint32, len(amounts))
	for i := range to {
		to[i] = 1
	}
	return &bankv1.SubmitRequest{RequestId: id, To: to, Amounts: amounts}
}

func TestListsAreCarriedOutOnceAndInTheirOrder(t *testing.T) {
	b := runBank(t, 3, 0)
	var lists []*bankv1.SubmitRequest
	for i := range 40 {
		lists = append(lists, deposits(fmt.Sprintf("list-%d", i), 1, 2, 3))
	}
	// A list pays out money that the lists before it have paid in.
	lists = append(lists, &bankv1.SubmitRequest{RequestId: "out", Accounts: []string{"z", ""}, From: []uint32{2, 2, 1}, To: []uint32{0, 1, 0}, Amounts: []int64{200, 40, 39}, AllOrNone: true})
	answers := b.submit(1, lists...)
	if len(answers) != len(lists) {
		t.Fatalf("got %d answers to %d lists", len(answers), len(lists))
	}
	for i, a := range answers {
		if a.GetErrorCode() != "" || a.GetRequestId() != lists[i].GetRequestId() || a.GetReceipt().GetSequence() != uint64(i+1) || a.GetReplay() {
			t.Fatalf("list %d is answered %v", i, a)
		}
	}
	for _, id := range b.ids {
		b.wantBalance(id, 0)
		b.wantQuery(id, &bankv1.QueryRequest{Account: "z"}, 1)
	}
	// When the lists are sent again, even elsewhere, the recorded ones are the answer.
	for _, id := range []uint32{1, 2} {
		for i, a := range b.submit(id, lists...) {
			if !a.GetReplay() || a.GetReceipt().GetBranch() != 1 || a.GetReceipt().GetSequence() != uint64(i+1) {
				t.Fatalf("branch %d: list %d again is answered %v", id, i, a)
			}
		}
	}
}

func TestListsSayWhatTheyRefuse(t *testing.T) {
	b := runBank(t, 3, 90)
	cases := []struct {
		name string
		req  *bankv1.SubmitRequest
		code connect.Code
	}{
		{"no request id", deposits("", 1), connect.CodeInvalidArgument},
		{"no operations", deposits("a"), connect.CodeInvalidArgument},
		{"too many", deposits("a", make([]int64, 8193)...), connect.CodeInvalidArgument},
		{"no amount", deposits("a", 1, 0), connect.CodeInvalidArgument},
		{"columns that differ", &bankv1.SubmitRequest{RequestId: "a", To: []uint32{1, 1}, Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"unknown place", &bankv1.SubmitRequest{RequestId: "a", To: []uint32{2}, Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"unknown place, accounts out of order", &bankv1.SubmitRequest{RequestId: "a", Accounts: []string{"y", "x"}, To: []uint32{3}, Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"account twice", &bankv1.SubmitRequest{RequestId: "a", Accounts: []string{"x", "x"}, To: []uint32{1}, Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"to itself", &bankv1.SubmitRequest{RequestId: "a", From: []uint32{1}, To: []uint32{1}, Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"nowhere", &bankv1.SubmitRequest{RequestId: "a", Amounts: []int64{1}}, connect.CodeInvalidArgument},
		{"more than a balance can be", deposits("a", 1<<62, 1<<62), connect.CodeInvalidArgument},
		{"all or none", &bankv1.SubmitRequest{RequestId: "a", From: []uint32{1, 1}, Amounts: []int64{90, 1}, AllOrNone: true}, connect.CodeFailedPrecondition},
		{"unknown level", &bankv1.SubmitRequest{RequestId: "a", To: []uint32{1}, Amounts: []int64{1}, Acknowledge: 99}, connect.CodeInvalidArgument},
	}
	for _, c := range cases {
		a := b.submit(2, c.req)
		if a[0].GetErrorCode() != c.code.String() || a[0].GetError() == "" || a[0].GetReceipt() != nil {
			t.Errorf("%s: answered %v, want %s", c.name, a[0], c.code)
		}
	}
	// One that fails does not end the stream.
	if a := b.submit(2, deposits(""), deposits("x", 1), &bankv1.SubmitRequest{RequestId: "y", From: []uint32{1}, Amounts: []int64{1}}); len(a) != 3 || a[2].GetReceipt() == nil {
		t.Errorf("after a list that fails: answered %v", a)
	}
	a := b.submit(2, &bankv1.SubmitRequest{RequestId: "each", From: []uint32{1, 1, 0, 1}, To: []uint32{0, 0, 1, 0}, Amounts: []int64{80, 11, 1, 11}})[0]
	if len(a.GetInsufficient()) != 1 || a.GetInsufficient()[0] != 1 || a.GetReceipt() == nil {
		t.Errorf("each by itself: answered %v, want operation 1 refused", a)
	}
	b.wantBalance(3, 0)
}

// An open stream does not delay a branch that stops, and is told why it ends.
func TestAStreamOfListsEndsWithItsBranch(t *testing.T) {
	b := runBank(t, 1, 0)
	stream, err := b.customers(1).Submit(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.CloseRequest()
	if err := stream.Send(deposits("one", 1)); err != nil {
		t.Fatal(err)
	}
	if res, err := stream.Receive(); err != nil || res.GetReceipt() == nil {
		t.Fatalf("answered %v, %v", res, err)
	}
	b.stop(1)
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the stream ended with %v, want unavailable", err)
	}
}

func TestStreamsOfListsAreBounded(t *testing.T) {
	const most = 128
	b := runBank(t, 1, 0)
	open := func() (*connect.BidiStreamForClientSimple[bankv1.SubmitRequest, bankv1.SubmitResponse], error) {
		stream, err := b.customers(1).Submit(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.Send(deposits("one", 1)) // the answer tells why not
		_, err = stream.Receive()
		return stream, err
	}
	first, err := open()
	for range most {
		if err != nil {
			t.Fatal(err)
		}
		_, err = open()
	}
	if err != nil {
		t.Errorf("one more than %d streams: %v", most, err)
	}
	// The one that had been idle for longest has given way.
	if _, err := first.Receive(); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("the first stream: %v", err)
	}
}

func TestAListOverTheSizeLimitIsRefused(t *testing.T) {
	b := runBank(t, 1, 0)
	stream, err := b.customers(1).Submit(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	large := largeList("large")
	if err := stream.Send(large); err != nil {
		t.Fatal(err)
	}
	if res, err := stream.Receive(); err != nil || res.GetReceipt() == nil {
		t.Fatalf("the largest list there is: %v, %v", res, err)
	}
	large.Accounts = append(large.Accounts, large.GetAccounts()[:8000]...)
	_ = stream.Send(large)
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a larger one: %v", err)
	}
}

// largeList has as many operations as there may be, with as many accounts as
// they can name, of the longest names.
func largeList(id string) *bankv1.SubmitRequest {
	req := &bankv1.SubmitRequest{RequestId: id}
	for i := range 8192 {
		for k := range 2 {
			name := fmt.Sprintf("%05d", 2*i+k)
			req.Accounts = append(req.Accounts, name+strings.Repeat("x", 128-len(name)))
		}
		req.From, req.To, req.Amounts = append(req.From, 0), append(req.To, uint32(2*i+2)), append(req.Amounts, 1)
	}
	return req
}

// Lists in hand may take this many bytes together. More are told to wait, and the
// branch serves others.
func TestTheBytesOfListsInHandAreBounded(t *testing.T) {
	t.Parallel() // much of it is one goroutine
	const streams, lists, most = 3, 10, 29
	b := runBank(t, 2, 0)
	release := sync.OnceFunc(b.at(2).branch.StopEngine()) // so that none is answered
	defer release()
	answers := make(chan []*bankv1.SubmitResponse)
	for s := range streams {
		go func() {
			var all []*bankv1.SubmitRequest
			for i := range min(lists, most-s*lists) {
				l := largeList(fmt.Sprintf("%d-%d", s, i))
				l.Session = "CgQIARBk" // entry 100 of branch 1: they wait for it in vain
				all = append(all, l)
			}
			answers <- b.submit(2, all...)
		}()
	}
	// One list fewer would take less than this, and one more than there may be.
	for all := int64(64<<20) * most / (most + 1); b.at(2).branch.ListBytes() < all; {
		time.Sleep(time.Millisecond)
	}
	defer time.AfterFunc(time.Minute, release).Stop() // were there room, the next would wait
	for i := range 2 {
		if a := b.submit(2, largeList(fmt.Sprint("one more ", i)))[0]; a.GetErrorCode() != "resource_exhausted" {
			t.Errorf("list %d: %v, and there is no room", most+1+i, a)
		}
	}
	release()
	for i := range 10 {
		b.post(2, branchService+"Deposit", `{"amount":1}`).wantField(t, "balance", fmt.Sprint(i+1))
	}
	for range streams {
		for _, a := range <-answers {
			if a.GetErrorCode() != "unavailable" {
				t.Errorf("list %s, which found room: %v", a.GetRequestId(), a)
			}
		}
	}
	if a := b.submit(2, largeList("after"))[0]; a.GetReceipt() == nil {
		t.Errorf("when the others are answered: %v", a)
	}
}

// A client that reads no answers is not read either, and is then cut off.
func TestAStreamOfListsThatIsNotReadIsBrokenOff(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 1, 0)
	transport := &http.Transport{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10, MaxReceiveBufferPerConnection: 4<<20 - 1}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := bankv1connect.NewBranchServiceClient(&http.Client{Transport: transport}, "http://"+b.at(1).address)
	stream, err := client.Submit(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	refused := deposits("refused", make([]int64, 8192)...) // and the answer names each
	for i := range refused.GetAmounts() {
		refused.Amounts[i] = 1
	}
	refused.From, refused.To = refused.GetTo(), nil
	sent := 0
	for ; err == nil; sent++ {
		if sent > 1000 {
			t.Fatal("the branch reads on")
		}
		refused.RequestId = fmt.Sprint(sent)
		err = stream.Send(refused)
	}
	for err = nil; err == nil; {
		_, err = stream.Receive()
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("after %d lists: %v", sent, err)
	}
	b.post(1, branchService+"Deposit", `{"amount":1}`).wantField(t, "balance", "1")
}
