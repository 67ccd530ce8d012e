package branch_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// secured is a bank of which every caller has to prove who he is. The test's own calls come
// from the teller tess.
type secured struct {
	*bank
	files *certstest.Bank
}

// runSecured runs a bank with certificates, each branch with a folder of its own.
func runSecured(t *testing.T, n int) *secured {
	t.Helper()
	files := newFiles(t, n)
	s := &secured{newBank(t, n, 0, branchOptions{Prover: prover(t, files, "tess")}), files}
	s.options.Security = security(t, files, n)
	s.startAll()
	return s
}

// newFiles returns the certificates of a bank of n branches, and of a client of each role.
func newFiles(t *testing.T, n int) *certstest.Bank {
	t.Helper()
	files := certstest.New(t, branch.DefaultBank)
	for id := range uint32(n) {
		files.Branch(t, id+1)
	}
	for name, role := range map[string]identity.Role{"tess": identity.Teller, "eve": identity.Auditor, "olga": identity.Operator} {
		files.Client(t, name, role)
	}
	files.Client(t, "ann", identity.Customer, "ann-*")
	return files
}

// security reads the certificates of the branches.
func security(t *testing.T, files *certstest.Bank, n int) *branch.Security {
	t.Helper()
	var ids []uint32
	for id := range uint32(n) {
		ids = append(ids, id+1)
	}
	folder, err := certs.Open(files.Dir, files.Name, certs.Options{Branches: ids})
	if err != nil {
		t.Fatal(err)
	}
	go folder.Watch(t.Context()) // until the test ends
	return &branch.Security{Certificates: folder}
}

// prover returns how a client with a certificate in the folder connects.
func prover(t *testing.T, files *certstest.Bank, client string) *tls.Config {
	t.Helper()
	cfg, err := certs.ClientConfig(files.Dir, client, false)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// over returns a client for calls over TLS, with a certificate or without.
func over(t testing.TB, cfg *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: cfg, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// holding returns how somebody connects who has a certificate, whoever has made it, and
// does not care whom he calls.
func holding(c ...tls.Certificate) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, Certificates: c} //nolint:gosec // an intruder
}

// try makes one call of each kind at branch 1, as an intruder who says that he is a branch,
// and returns what each came to.
func (s *secured) try(by *http.Client, as uint32) map[string]error {
	s.t.Helper()
	url := "https://" + s.at(1).address
	peers, customers := bankv1connect.NewPeerServiceClient(by, url, connect.WithGRPC()), bankv1connect.NewBranchServiceClient(by, url)
	came := map[string]error{}
	_, came["deposit"] = customers.Deposit(s.ctx, &bankv1.DepositRequest{Account: "loot", Amount: 1})
	_, came["status"] = customers.GetStatus(s.ctx, &bankv1.GetStatusRequest{})
	_, came["claim"] = peers.Claim(s.ctx, &bankv1.ClaimRequest{Branch: as, Amount: 1})
	_, came["collect"] = peers.Collect(s.ctx, &bankv1.CollectRequest{Branch: as, Look: 1, Collect: 1})
	_, came["propagate one"] = peers.PropagateDeposit(s.ctx, &bankv1.PropagateDepositRequest{Branch: as, Sequence: 1, Account: "loot", Amount: 1000, Clock: 1})
	stream, err := peers.Propagate(s.ctx)
	if err == nil {
		_ = stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: &bankv1.Hello{Branch: as, ToBranch: 1, Version: 1, BankName: branch.DefaultBank}}})
		_, err = stream.Receive()
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
	}
	came["link"] = err
	return came
}

// Whoever has no certificate of this bank, or one of the wrong kind, gets nothing out of any
// call, and the bank goes on as if nothing had been.
func TestNobodyGetsInWhereHeDoesNotBelong(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 3)
	now := time.Now()
	b2, ann := &identity.Identity{Bank: "bank", Branch: 2}, &identity.Identity{Bank: "bank", Client: "ann", Role: identity.Teller}
	stranger := certstest.NewCA(t, "stranger")
	revoked := s.files.Branches.Sign(t, b2)
	s.revoke(revoked.Leaf)
	out, denied := connect.CodeUnauthenticated, connect.CodePermissionDenied
	for name, test := range map[string]struct {
		with *tls.Config
		as   uint32
		// calls is what each call ends with, peers what each of the peers' calls does; zero
		// for a connection that is refused.
		calls, peers connect.Code
	}{
		"without a certificate":          {with: holding(), as: 2, calls: out, peers: out},
		"another CA's branch":            {with: holding(stranger.Sign(t, b2)), as: 2},
		"another bank's branch":          {with: holding(s.files.Branches.Sign(t, &identity.Identity{Bank: "other", Branch: 2})), as: 2},
		"a client CA's branch":           {with: holding(s.files.Clients.Sign(t, b2)), as: 2},
		"an expired branch":              {with: holding(s.files.Branches.Sign(t, b2, certstest.Between(now.Add(-time.Hour), now.Add(-time.Minute)))), as: 2},
		"a branch that is to come":       {with: holding(s.files.Branches.Sign(t, b2, certstest.Between(now.Add(time.Minute), now.Add(time.Hour)))), as: 2},
		"a revoked branch":               {with: holding(revoked), as: 2},
		"a branch with two URIs":         {with: holding(s.files.Branches.Sign(t, b2, certstest.URIs("passbook://bank/branch/2", "passbook://bank/branch/3"))), as: 3},
		"a branch that is none of ours":  {with: holding(s.files.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 9})), as: 2, calls: denied, peers: denied},
		"branch 2 as branch 3":           {with: holding(s.files.Branches.Sign(t, b2)), as: 3, calls: denied, peers: denied},
		"a teller as branch 2":           {with: holding(s.files.Clients.Sign(t, ann)), as: 2, peers: denied},
		"branch 1 as itself":             {with: holding(s.files.Branches.Sign(t, &identity.Identity{Bank: "bank", Branch: 1})), as: 1, calls: denied},
		"a server's certificate, no key": {with: holding(tls.Certificate{Certificate: [][]byte{s.files.Branches.Certificate.Raw}, PrivateKey: revoked.PrivateKey}), as: 2},
	} {
		t.Run(name, func(t *testing.T) {
			for call, err := range s.try(over(t, test.with), test.as) {
				got := connect.CodeOf(err)
				isPeers := call != "deposit" && call != "status"
				switch {
				case err == nil && !isPeers && (name == "a teller as branch 2" || call == "status" && test.calls == denied):
					// A teller may, and every branch of the bank may ask how another one is.
				case err == nil:
					t.Errorf("%s succeeds", call)
				case isPeers && test.peers != 0 && got != test.peers, !isPeers && test.calls != 0 && got != test.calls:
					t.Errorf("%s: %v", call, err)
				case test.calls == 0 && test.peers == 0 && !isRefusedConnection(err):
					t.Errorf("%s gets through: %v", call, err)
				}
			}
		})
	}
	s.checkUnharmed(1)
}

// isRefusedConnection reports whether a call came to nothing because its connection was
// refused, so no branch has seen it.
func isRefusedConnection(err error) bool {
	return strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "connection reset") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "could not be established")
}

// revoke puts a certificate on the bank's list, and waits until that counts.
func (s *secured) revoke(c *x509.Certificate) {
	s.t.Helper()
	all, err := certs.ReadRevocations(s.files.Dir)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := json.Marshal(append(all, certs.Revocation{Certificate: certs.FingerprintOf(c), At: time.Now()}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.files.Write(s.t, certs.RevokedFile, list)
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
	for {
		if _, err := s.options.Security.Certificates.Identify(&state); err != nil {
			return
		}
		select {
		case <-s.ctx.Done():
			s.t.Fatal("a revocation does not count")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkUnharmed checks that nothing is recorded but what tellers have deposited to the
// account of loot, that every branch serves and reaches the others, and that there is no
// alarm.
func (s *secured) checkUnharmed(deposits int64) {
	s.t.Helper()
	s.awaitLinks()
	for _, id := range s.ids {
		status, err := s.customers(id).GetStatus(s.ctx, &bankv1.GetStatusRequest{})
		if err != nil || status.GetState() != bankv1.BranchState_BRANCH_STATE_SERVING || len(status.GetAlarms()) != 0 {
			s.t.Errorf("branch %d: %v, %v, %v", id, status.GetState(), status.GetAlarms(), err)
		}
		res, err := s.customers(id).Query(s.ctx, &bankv1.QueryRequest{Account: "loot", Consistency: bankv1.Consistency_CONSISTENCY_STRONG})
		if err != nil || res.GetBalance() != deposits {
			s.t.Errorf("branch %d: %v, %v, want %d", id, res, err, deposits)
		}
	}
}

// A balancer may ask for a branch's health without a certificate, and nobody may read the
// schema without one.
func TestHealthAsksForNoProof(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 1)
	client := over(t, holding())
	health := connect.NewClient[bankv1.GetStatusRequest, bankv1.GetStatusRequest](client, "https://"+s.at(1).address+"/"+grpchealth.HealthV1ServiceName+"/Check", connect.WithGRPC())
	if _, err := health.CallUnary(s.ctx, connect.NewRequest(&bankv1.GetStatusRequest{})); err != nil {
		t.Errorf("health: %v", err)
	}
	reflection := connect.NewClient[bankv1.GetStatusRequest, bankv1.GetStatusRequest](client, "https://"+s.at(1).address+"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", connect.WithGRPC())
	if _, err := reflection.CallUnary(s.ctx, connect.NewRequest(&bankv1.GetStatusRequest{})); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("reflection: %v", err)
	}
	res, err := over(t, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}).Get("https://" + s.at(1).address + "/bank.v1.BranchService/Query?encoding=json&message=%7B%7D") //nolint:gosec // an intruder
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("by GET: %v, %v", res, err)
	}
	if err == nil {
		_ = res.Body.Close()
	}
}

// A certificate that is revoked ends what goes on with it: a customer's stream, and a
// branch's link, which is then unreachable and can't come back.
func TestRevocationEndsWhatGoesOn(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 3)
	ann, err := tls.LoadX509KeyPair(s.files.Dir+"/client.ann.crt", s.files.Dir+"/client.ann.key")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := bankv1connect.NewBranchServiceClient(over(t, holding(ann)), "https://"+s.at(1).address).Watch(s.ctx, &bankv1.WatchRequest{Account: "ann-1"})
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	s.revoke(ann.Leaf)
	for stream.Receive() {
	}
	if stream.Err() == nil {
		t.Error("the stream has ended well")
	}
	two, err := tls.LoadX509KeyPair(s.files.Dir+"/branch.2.crt", s.files.Dir+"/branch.2.key")
	if err != nil {
		t.Fatal(err)
	}
	s.revoke(two.Leaf)
	for _, id := range []uint32{1, 3} {
		s.awaitReachable(id, 2, false)
		s.awaitReachable(id, 4-id, true)
	}
	if _, err := s.customers(1).Deposit(s.ctx, &bankv1.DepositRequest{Amount: 1, Acknowledge: reachable}); err != nil {
		t.Errorf("the others: %v", err)
	}
	s.files.Branch(t, 2) // a new one for the same branch
	s.awaitLinks()
}
