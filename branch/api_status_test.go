package branch_test

import (
	"net/http"
	"testing"

	"connectrpc.com/grpcreflect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

func TestGetStatus(t *testing.T) {
	b := runBank(t, 3, 100)
	b.deposit(2, 10)
	b.mustDeposit(1, &bankv1.DepositRequest{Amount: 5, Account: "b"})
	b.cutOff(3)
	b.deposit(1, 1)
	s := b.status(1)
	for i, p := range s.GetPeers() {
		if p.GetAddress() != "http://"+b.configOf(1).Addresses[p.GetBranch()] {
			t.Errorf("address of branch %d is %s", p.GetBranch(), p.GetAddress())
		}
		s.Peers[i].Address, s.Peers[i].RoundTripUs = "", 0 // as long as it takes
	}
	for i, p := range s.GetApplied() {
		if (len(p.GetHash()) == 32) != (p.GetSequence() > 0) {
			t.Errorf("position %v", p)
		}
		s.Applied[i].Hash = nil
	}
	if s.GetUptimeMs() < 0 || s.GetEpoch() == 0 {
		t.Errorf("uptime %d ms, epoch %d", s.GetUptimeMs(), s.GetEpoch())
	}
	if s.GetBankName() != "bank" || len(s.GetBankId()) != 32 {
		t.Errorf("the bank is %q, id %q", s.GetBankName(), s.GetBankId())
	}
	s.UptimeMs, s.Epoch, s.BankName, s.BankId = 0, 0, "", ""
	want := &bankv1.GetStatusResponse{
		Branch: 1, Address: "http://" + b.at(1).address, State: bankv1.BranchState_BRANCH_STATE_SERVING,
		AccountCount: 2, MaxAccounts: 1_000_000,
		Applied: []*bankv1.Position{{Branch: 1, Sequence: 2}, {Branch: 2, Sequence: 1}, {Branch: 3}},
		Peers: []*bankv1.PeerStatus{
			{Branch: 2, Reachable: true, AckedSequence: 2},
			{Branch: 3, AckedSequence: 1, Lag: 1},
		},
		Accounts: []*bankv1.AccountStatus{
			{Account: "b", Balance: 5, Available: 5, Escrow: []*bankv1.BranchEscrow{{Branch: 1, Amount: 5}, {Branch: 2}, {Branch: 3}}},
			{Account: "shared", Balance: 111, Available: 35, Escrow: []*bankv1.BranchEscrow{
				{Branch: 1, Amount: 35}, {Branch: 2, Amount: 43}, {Branch: 3, Amount: 33},
			}},
		},
	}
	if diff := cmp.Diff(want, s, protocmp.Transform()); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	b := runBank(t, 1, 0)
	client := grpcreflect.NewClient(b.http, "http://"+b.at(1).address)
	stream := client.NewStream(b.ctx)
	names, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, n := range names {
		got[string(n)] = true
	}
	for _, want := range []string{"bank.v1.BranchService", "bank.v1.PeerService", "bank.Bank", "grpc.health.v1.Health"} {
		if !got[want] {
			t.Errorf("%s is not listed in %v", want, names)
		}
		if _, err := stream.FileContainingSymbol(names[0]); err != nil {
			t.Error(err)
		}
	}
	if _, err := stream.Close(); err != nil {
		t.Error(err)
	}
}

// health asks for the health of a service.
func (b *bank) health(at uint32, service string) answer {
	b.t.Helper()
	return b.post(at, "/grpc.health.v1.Health/Check", `{"service":`+quote(service)+`}`)
}

func TestHealthTellsWhetherTheBranchTakesWrites(t *testing.T) {
	b := newBank(t, 2, 0, branchOptions{})
	services := []string{"", "bank.v1.BranchService", "bank.v1.PeerService", "bank.Bank"}
	b.start(1) // an empty disk, and branch 2 has not been heard
	for _, service := range services {
		b.health(1, service).wantField(t, "status", "SERVING_STATUS_NOT_SERVING")
	}
	b.start(2)
	b.awaitReady(1)
	b.awaitReady(2)
	for _, service := range services {
		b.health(1, service).wantField(t, "status", "SERVING_STATUS_SERVING")
	}
	b.health(1, "bank.Nothing").wantError(t, http.StatusNotFound, "not_found")
}

// A branch tells how far its peers are, as soon as there is a link.
func TestStatusTellsRoundTrips(t *testing.T) {
	b := runBank(t, 3, 100)
	b.awaitStatus(1, "that all round trips are known", func(s *bankv1.GetStatusResponse) bool {
		for _, p := range s.GetPeers() {
			if p.GetRoundTripUs() <= 0 {
				return false
			}
		}
		return true
	})
}
