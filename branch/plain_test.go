package branch_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch"
	"passbook.example/passbook/branch/signature"
	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// moving makes a bank whose branches have certificates, and let in whoever has none, and
// starts some of them.
func moving(t *testing.T, start ...uint32) *secured {
	t.Helper()
	files := newFiles(t, 3)
	s := &secured{newBank(t, 3, 0, branchOptions{Prover: prover(t, files, "tess")}), files}
	s.options.Security = security(t, files, 3)
	s.options.Security.Plain = true
	for _, id := range start {
		s.start(id)
	}
	return s
}

// strangers are the ways in which somebody calls a branch who has no certificate.
func (s *secured) strangers(at uint32) map[string]bankv1connect.PeerServiceClient {
	plain := &http.Transport{Protocols: new(http.Protocols)}
	plain.Protocols.SetUnencryptedHTTP2(true)
	s.t.Cleanup(plain.CloseIdleConnections)
	return map[string]bankv1connect.PeerServiceClient{
		"in clear text":                 bankv1connect.NewPeerServiceClient(&http.Client{Transport: plain}, "http://"+s.at(at).address, connect.WithGRPC()),
		"over TLS, with no certificate": bankv1connect.NewPeerServiceClient(over(s.t, holding()), "https://"+s.at(at).address),
	}
}

// speakAs makes each of the calls of peers at a branch, in the name of another one, and
// returns what each came to.
func (s *secured) speakAs(by bankv1connect.PeerServiceClient, as, at uint32) map[string]error {
	came := map[string]error{}
	_, came["claim"] = by.Claim(s.ctx, &bankv1.ClaimRequest{Branch: as, Amount: 1})
	_, came["collect"] = by.Collect(s.ctx, &bankv1.CollectRequest{Branch: as, Look: 1, Collect: 1})
	_, came["deposit"] = by.PropagateDeposit(s.ctx, &bankv1.PropagateDepositRequest{Branch: as, Sequence: 1, Account: "loot", Amount: 1000, Clock: 1})
	_, came["withdraw"] = by.PropagateWithdraw(s.ctx, &bankv1.PropagateWithdrawRequest{Branch: as, Sequence: 1, Account: "loot", Amount: 1, Clock: 1})
	if as < at { // whom others dial never says hello
		stream, err := by.Propagate(s.ctx)
		if err == nil {
			_ = stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: &bankv1.Hello{Branch: as, ToBranch: at, Version: 1, BankName: "other"}}})
			_, err = stream.Receive()
			_, _ = stream.CloseRequest(), stream.CloseResponse()
		}
		came["link"] = err
	}
	return came
}

// While a bank moves to certificates, nobody without one speaks in the name of a branch that
// has proven who it is, to any other one; and the bank goes on as if nothing had been.
func TestNobodySpeaksForABranchThatHasACertificate(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := moving(t, 1, 2, 3)
	s.awaitLinks()
	for _, at := range s.ids {
		for name, by := range s.strangers(at) {
			for _, as := range s.ids {
				if as == at {
					continue
				}
				for call, err := range s.speakAs(by, as, at) {
					if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "has a certificate, and proves by it who it is") {
						t.Errorf("%s as branch %d at branch %d, %s: %v", call, as, at, name, err)
					}
				}
			}
		}
	}
	s.checkUnharmed(0)
}

// What remains: a branch that has not come with its certificate yet may be anybody. As soon
// as it has, nobody else is it; also at the branch that it is dialed by.
func TestABranchThatHasNoCertificateYetMayBeAnybody(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := moving(t, 1, 2)
	for name, by := range s.strangers(1) {
		if _, err := by.Claim(s.ctx, &bankv1.ClaimRequest{Branch: 3, Amount: 1}); err != nil && connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("branch 3 may claim %s: %v", name, err)
		}
	}
	s.start(3)
	s.awaitLinks()
	for _, at := range []uint32{1, 2} {
		for name, by := range s.strangers(at) {
			for call, err := range s.speakAs(by, 3, at) {
				if connect.CodeOf(err) != connect.CodeUnauthenticated {
					t.Errorf("%s as branch 3 at branch %d, %s: %v", call, at, name, err)
				}
			}
		}
	}
	s.checkUnharmed(0)
}

// A branch that is restarted knows from its disk who has certificates: whoever has signed
// something. So nobody speaks for them before they have come.
func TestWhoHasSignedHasACertificate(t *testing.T) {
	t.Parallel() // it waits most of the time
	files := newFiles(t, 3)
	s := &secured{newBank(t, 3, 0, branchOptions{Prover: prover(t, files, "tess")}), files}
	s.options.Security = security(t, files, 3)
	s.options.Security.Plain = true
	folder := s.options.Security.Certificates.(signature.Authority)
	s.options.Signatures = func(uint32) *signature.Signatures {
		return signature.New(folder, signature.Options{Optional: true})
	}
	s.startAll()
	for _, id := range []uint32{1, 2} {
		s.mustDeposit(id, &bankv1.DepositRequest{Account: "loot", Amount: 1, Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_ALL})
	}
	s.stopAll()
	s.start(1)
	for name, by := range s.strangers(1) {
		for call, err := range s.speakAs(by, 2, 1) {
			if connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("%s as branch 2, which is not there, %s: %v", call, name, err)
			}
		}
		// Branch 3 has signed nothing, and may be anybody until it comes.
		if _, err := by.Collect(s.ctx, &bankv1.CollectRequest{Branch: 3, Look: 1, Collect: 1}); connect.CodeOf(err) == connect.CodeUnauthenticated {
			t.Errorf("branch 3, %s: %v", name, err)
		}
	}
	s.start(2)
	s.start(3)
	s.checkUnharmed(2)
}

// A port for branches takes no clear text and nobody who proves nothing, also while the other
// port takes both.
func TestThePeersPortIsForBranchesAlone(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := moving(t)
	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.options.config(s.configOf(1), clients)
	cfg.PeerListener = peers
	b, err := branch.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	at := peers.Addr().String()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	words, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if !strings.Contains(string(words), "Client sent an HTTP request to an HTTPS server") {
		t.Errorf("in clear text: %s", words)
	}
	nobody := over(t, holding())
	_, deposit := bankv1connect.NewBranchServiceClient(nobody, "https://"+at).Deposit(s.ctx, &bankv1.DepositRequest{Account: "loot", Amount: 1})
	_, status := bankv1connect.NewBranchServiceClient(nobody, "https://"+at).GetStatus(s.ctx, &bankv1.GetStatusRequest{})
	_, claim := bankv1connect.NewPeerServiceClient(nobody, "https://"+at).Claim(s.ctx, &bankv1.ClaimRequest{Branch: 2, Amount: 1})
	for name, err := range map[string]error{"deposit": deposit, "status": status, "claim": claim} {
		if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "this port is for the bank's branches") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A branch that proves who it is may.
	two := over(t, s.options.Security.Certificates.Peer(2, 1))
	if _, err := bankv1connect.NewBranchServiceClient(two, "https://"+at).GetStatus(s.ctx, &bankv1.GetStatusRequest{}); err != nil {
		t.Errorf("branch 2: %v", err)
	}
}
