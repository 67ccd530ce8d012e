package branch_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// load is customers that deposit 1 at a time at every branch, and repeat what is not
// answered while a branch is restarted, as customers do.
type load struct {
	bank *bank
	// by is how they call now: a client and the scheme.
	by atomic.Pointer[callers]
	// sums are what each has deposited, by branch.
	mu   sync.Mutex
	sums map[uint32]int64
	over sync.WaitGroup
	stop context.CancelFunc
}

// callers is how customers call.
type callers struct {
	client *http.Client
	scheme string
}

// newLoad starts customers of a bank.
func newLoad(b *bank, client *http.Client, scheme string) *load {
	l := &load{bank: b, sums: map[uint32]int64{}}
	l.by.Store(&callers{client, scheme})
	ctx, stop := context.WithCancel(b.ctx)
	l.stop = stop
	for _, id := range b.ids {
		l.over.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.deposit(id, fmt.Sprintf("%d-%d", id, n))
			}
		})
	}
	return l
}

// deposit deposits 1 at a branch, however often that has to be asked for.
func (l *load) deposit(at uint32, requestID string) {
	for {
		address, ok := l.bank.lookUp(at)
		if !ok {
			time.Sleep(time.Millisecond)
			continue
		}
		by := l.by.Load()
		_, err := bankv1connect.NewBranchServiceClient(by.client, by.scheme+address).Deposit(l.bank.ctx, &bankv1.DepositRequest{Account: "load", Amount: 1, RequestId: requestID, HomeBranch: at})
		switch connect.CodeOf(err) {
		case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeCanceled:
			if l.bank.ctx.Err() == nil && !l.bank.isSteady() {
				time.Sleep(time.Millisecond)
				continue // a branch is being restarted
			}
		default:
			if err == nil {
				l.mu.Lock()
				l.sums[at]++
				l.mu.Unlock()
				return
			}
		}
		l.bank.t.Errorf("a deposit at branch %d: %v", at, err)
		return
	}
}

// more waits until every branch has taken some more deposits.
func (l *load) more() {
	l.bank.t.Helper()
	before := l.taken()
	for l.bank.ctx.Err() == nil {
		done := true
		now := l.taken()
		for _, id := range l.bank.ids {
			done = done && now[id] >= before[id]+20
		}
		if done {
			return
		}
		time.Sleep(time.Millisecond)
	}
	l.bank.t.Fatalf("no more deposits: %v, before %v", l.taken(), before)
}

func (l *load) taken() map[uint32]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sums := map[uint32]int64{}
	for id, n := range l.sums {
		sums[id] = n
	}
	return sums
}

// end stops the customers, and checks that each deposit that was answered counts once.
func (l *load) end() {
	l.bank.t.Helper()
	l.stop()
	l.over.Wait()
	sum := int64(0)
	for _, n := range l.taken() {
		sum += n
	}
	for _, id := range l.bank.ids {
		res, err := l.bank.customers(id).Query(l.bank.ctx, &bankv1.QueryRequest{Account: "load", Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
		if err != nil || res.GetBalance() != sum {
			l.bank.t.Errorf("branch %d: %v, %v, want %d", id, res, err, sum)
		}
	}
}

// isSteady reports whether no branch is being restarted.
func (b *bank) isSteady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.branches) == len(b.ids) && b.steady
}

// rolling restarts one branch after the other.
func (b *bank) rolling() {
	b.t.Helper()
	for _, id := range b.ids {
		b.mu.Lock()
		b.steady = false
		b.mu.Unlock()
		b.stop(id)
		b.restart(id)
		b.mu.Lock()
		b.steady = true
		b.mu.Unlock()
	}
}

// A bank without certificates moves to them in two rolling restarts while customers call:
// first every branch takes both clear text and TLS, then TLS alone. No call fails.
func TestABankMovesToCertificates(t *testing.T) {
	t.Parallel() // it waits most of the time
	files := newFiles(t, 3)
	b := runBankWith(t, 3, 0, branchOptions{})
	b.steady = true
	l := newLoad(b, b.http, "http://")
	l.more()
	both := *security(t, files, 3)
	both.Plain = true
	b.options.Security = &both
	b.rolling()
	l.more()
	// Customers get their certificates once every branch has one: a request id of somebody
	// who has proven who he is, is another one than that of nobody in particular.
	tess := over(t, prover(t, files, "tess"))
	l.by.Store(&callers{tess, "https://"})
	b.http, b.scheme = tess, "https://"
	l.more()
	b.options.Security = security(t, files, 3)
	b.rolling()
	l.more()
	l.end()
	if _, err := bankv1connect.NewBranchServiceClient(over(t, holding()), "https://"+b.at(1).address).GetStatus(b.ctx, &bankv1.GetStatusRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("without a certificate: %v", err)
	}
	plain := &http.Transport{Protocols: new(http.Protocols)}
	plain.Protocols.SetUnencryptedHTTP2(true)
	defer plain.CloseIdleConnections()
	if _, err := bankv1connect.NewBranchServiceClient(&http.Client{Transport: plain}, "http://"+b.at(1).address).GetStatus(b.ctx, &bankv1.GetStatusRequest{}); err == nil {
		t.Error("in clear text a branch answers")
	}
}

// Certificates are renewed, and the CA is replaced, while branches run and customers call.
// No call fails, no branch is restarted, and in the end nobody believes the old CA.
func TestCertificatesAreReplacedUnderLoad(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 3)
	s.steady = true
	l := newLoad(s.bank, s.http, "https://")
	l.more()
	for _, id := range s.ids {
		s.renewed(id)
	}
	l.more()
	oldBranches, oldClients := s.files.Branches, s.files.Clients
	// Both CAs are believed, and then all have certificates of the new ones.
	s.files.Branches, s.files.Clients = certstest.NewCA(t, "new branches"), certstest.NewCA(t, "new clients")
	s.files.Write(t, certs.BranchCAFile, append(s.files.Branches.PEM(), oldBranches.PEM()...))
	s.files.Write(t, certs.ClientCAFile, append(s.files.Clients.PEM(), oldClients.PEM()...))
	s.believes(s.files.Clients)
	tess := over(t, prover(t, s.files, "tess")) // with both CAs, and the old certificate
	l.by.Store(&callers{tess, "https://"})
	for _, id := range s.ids {
		s.renewed(id)
	}
	l.more()
	s.files.Client(t, "tess", identity.Teller)
	tess = over(t, prover(t, s.files, "tess"))
	l.by.Store(&callers{tess, "https://"})
	l.more() // and no call of the old certificate is in hand any more
	s.files.Write(t, certs.BranchCAFile, s.files.Branches.PEM())
	s.files.Write(t, certs.ClientCAFile, s.files.Clients.PEM())
	s.forgets(oldClients)
	s.http = tess
	l.more()
	s.awaitLinks()
	l.end()
	for name, ca := range map[string]*certstest.CA{"branch": oldBranches, "client": oldClients} {
		id := &identity.Identity{Bank: "bank", Branch: 2}
		if name == "client" {
			id = &identity.Identity{Bank: "bank", Client: "tess", Role: identity.Teller}
		}
		if err := s.try(over(t, holding(ca.Sign(t, id))), 2)["deposit"]; err == nil || !isRefusedConnection(err) {
			t.Errorf("the old CA's %s: %v", name, err)
		}
	}
}

// renewed gives a branch a new certificate, and waits until it shows that.
func (s *secured) renewed(id uint32) {
	s.t.Helper()
	want := s.files.Branch(s.t, id).Leaf
	for s.ctx.Err() == nil {
		c, err := tls.Dial("tcp", s.at(id).address, holding())
		if err != nil {
			s.t.Fatal(err)
		}
		got := c.ConnectionState().PeerCertificates[0]
		_ = c.Close()
		if got.Equal(want) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("branch %d does not take its new certificate up", id)
}

// believes waits until branches believe a CA of clients, forgets until they don't.
func (s *secured) believes(ca *certstest.CA) { s.awaitBelief(ca, true) }
func (s *secured) forgets(ca *certstest.CA)  { s.awaitBelief(ca, false) }

func (s *secured) awaitBelief(ca *certstest.CA, want bool) {
	s.t.Helper()
	somebody := over(s.t, holding(ca.Sign(s.t, &identity.Identity{Bank: "bank", Client: "somebody", Role: identity.Auditor})))
	for s.ctx.Err() == nil {
		somebody.CloseIdleConnections()
		_, err := bankv1connect.NewBranchServiceClient(somebody, "https://"+s.at(1).address).GetStatus(s.ctx, &bankv1.GetStatusRequest{})
		if (err == nil) == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("the branches don't come to believe %v", want)
}
