package branch_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// stopLimit is the time in which Serve promises to stop.
const stopLimit = 5 * time.Second

// beginStop tells a branch to stop and waits until it refuses new calls.
func (b *bank) beginStop(id uint32) {
	b.t.Helper()
	b.at(id).stop()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for {
		_, err := b.customers(id).Query(b.ctx, &bankv1.QueryRequest{})
		if err == nil {
			<-pause.C
			continue
		}
		wantCode(b.t, err, connect.CodeUnavailable)
		if !strings.Contains(err.Error(), "stopping") {
			b.t.Errorf("refused with %v", err)
		}
		return
	}
}

// inHand makes a deposit at branch 1 that waits for branch 2, which says
// nothing. It returns when the deposit is recorded.
func (b *bank) inHand(req *bankv1.DepositRequest) <-chan error {
	b.t.Helper()
	b.setRoads(1, 2, func(r *road) { r.setFrozen(true) })
	before := b.status(1).GetApplied()[0].GetSequence()
	done := make(chan error, 1)
	client := b.customers(1)
	go func() {
		res, err := client.Deposit(b.ctx, req)
		if err == nil && len(res.GetUnreachableBranches()) > 0 {
			b.t.Errorf("the deposit did not wait: %v", res)
		}
		done <- err
	}()
	b.awaitStatus(1, "one more entry", func(s *bankv1.GetStatusResponse) bool { return s.GetApplied()[0].GetSequence() > before })
	return done
}

func TestStopFinishesTheCallsInHandAndRefusesNewOnes(t *testing.T) {
	b := runBankWith(t, 2, 300, branchOptions{PeerTimeout: testTimeout})
	deposit := b.inHand(&bankv1.DepositRequest{Amount: 10})
	b.beginStop(1)
	b.health(1, "").wantField(t, "status", "SERVING_STATUS_NOT_SERVING")
	select {
	case err := <-deposit:
		t.Fatalf("the call in hand ended before branch 2 had answered: %v", err)
	default:
	}
	b.setRoads(1, 2, func(r *road) { r.setFrozen(false) })
	if err := <-deposit; err != nil {
		t.Errorf("the call in hand: %v", err)
	}
	<-b.at(1).done
	if err := b.at(1).err; err != nil {
		t.Error(err)
	}
	b.forget(1)
	b.wantBalance(2, 310)
}

// A call that does not finish in time gets an answer, and its request id tells
// later what has become of it.
func TestStopAnswersTheCallsThatDoNotFinish(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 2, 300, branchOptions{PeerTimeout: testTimeout})
	req := &bankv1.DepositRequest{Amount: 10, RequestId: "r"}
	deposit := b.inHand(req)
	b.at(1).stop()
	err := <-deposit
	wantCode(t, err, connect.CodeUnavailable)
	if !strings.Contains(err.Error(), "not known") || !strings.Contains(err.Error(), "request id") {
		t.Errorf("text is %v", err)
	}
	<-b.at(1).done
	b.forget(1)
	b.setRoads(1, 2, func(r *road) { r.setFrozen(false) })
	b.start(1)
	b.awaitReady(1)
	if res := b.mustDeposit(1, req); !res.GetReplay() || res.GetBalance() != 310 {
		t.Errorf("retry after the restart: %v", res)
	}
}

// Links, streams and connections that customers keep open don't keep a branch
// from ending.
func TestStopEndsWithConnectionsOpen(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBank(t, 3, 300)
	address := b.at(2).address
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	keptAlive := &http.Transport{}
	defer keptAlive.CloseIdleConnections()
	res, err := keptAlive.RoundTrip(get(t, "http://"+address+branchService+"Query?connect=v1&encoding=json&message=%7B%7D"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	half, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.Write([]byte("POST " + branchService + "Deposit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	stream := grpcreflect.NewClient(b.http, "http://"+address).NewStream(b.ctx)
	if _, err := stream.ListServices(); err != nil {
		t.Fatal(err)
	}
	defer stream.Close()

	r := b.at(2)
	began := time.Now()
	b.stop(2)
	if took := time.Since(began); took > stopLimit {
		t.Errorf("stopping took %v, more than the %v that is promised", took, stopLimit)
	}
	if c, err := net.Dial("tcp", r.address); err == nil {
		c.Close()
		t.Error("the branch still listens")
	}
	if res := b.deposit(1, 10); len(res.GetUnreachableBranches()) != 1 {
		t.Errorf("the others go on: %v", res)
	}
}

func get(t testing.TB, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// An orderly stop leaves no errors in any log.
func TestStopLogsNoErrors(t *testing.T) {
	t.Parallel() // it waits most of the time
	log := &errorLog{}
	b := runBankWith(t, 3, 300, branchOptions{Logger: log.logger()})
	b.deposit(1, 10)
	b.mustWithdraw(3, &bankv1.WithdrawRequest{Amount: 200})
	b.stop(1)
	b.deposit(2, 10)
	b.stop(3)
	b.deposit(2, 10)
	b.stop(2)
	if text := log.String(); text != "" {
		t.Errorf("logged:\n%s", text)
	}
}

func TestABranchThatWasNotServedCanBeClosed(t *testing.T) {
	b := newBank(t, 2, 300, branchOptions{})
	for range 2 { // the second one needs what the first one held
		opened, l := openHere(t, b.configOf(1))
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Error("the listener is open")
		}
	}
}
