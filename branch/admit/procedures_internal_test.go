package admit

import (
	"testing"

	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// The schema says which calls are streams, and whose they are follows from their
// service. Calls that no schema has count as their service's; what is no call of
// any service counts as the page's.
func TestTheSchemaSaysHowCallsComeAndGo(t *testing.T) {
	p := newProcedures(Services{Customers: []string{bankv1connect.BranchServiceName, bankconnect.BankName}, Peers: []string{bankv1connect.PeerServiceName}, MaxWatchRequests: 1})
	customers, peers, watches := p.services[bankv1connect.BranchServiceName].share, p.services[bankv1connect.PeerServiceName].share, p.known[bankv1connect.BranchServiceWatchProcedure].share
	health, reflections := p.services["grpc.health.v1.Health"].share, p.services["grpc.reflection.v1.ServerReflection"].share
	tests := map[string]procedure{
		bankv1connect.BranchServiceDepositProcedure:        {share: customers},
		bankv1connect.BranchServiceQueryProcedure:          {share: customers, get: true},
		bankv1connect.BranchServiceListEntriesProcedure:    {share: customers, get: true, large: true, listing: true},
		bankv1connect.BranchServiceGetStatusProcedure:      {share: customers, get: true, large: true},
		bankv1connect.BranchServiceWatchProcedure:          {kind: watch, share: watches},
		bankv1connect.BranchServiceSubmitProcedure:         {kind: lists},
		"/bank.v1.BranchService/None":                      {share: customers},
		"/bank.Bank/MsgDelivery":                           {share: customers},
		bankv1connect.PeerServiceClaimProcedure:            {share: peers, ofPeers: true},
		bankv1connect.PeerServicePropagateProcedure:        {kind: link, ofPeers: true},
		bankv1connect.PeerServicePropagateDepositProcedure: {share: peers, ofPeers: true},
		"/bank.v1.PeerService/None":                        {share: peers, ofPeers: true},
		"/grpc.health.v1.Health/Check":                     {share: health},
		"/grpc.health.v1.Health/Watch":                     {share: health}, // has no schema
		"/grpc.reflection.v1.ServerReflection/Info":        {kind: questions, share: reflections},
		"/grpc.reflection.v1alpha.ServerReflection/Info":   {kind: questions, share: reflections},
		"/bank.v2.BranchService/Deposit":                   p.page,
		"/":                                                p.page,
		"/assets/page.js":                                  p.page,
		"":                                                 p.page,
	}
	for path, want := range tests {

		if got := p.of(path); got != want || got.share == nil && got.kind != link && got.kind != lists {
			t.Errorf("%s: got %+v, want %+v", path, got, want)
		}
	}
}

// A scrape takes a place among the large replies, and a customer's: as a status does.
func TestAScrapeIsBoundedAsAStatusIs(t *testing.T) {
	p := newProcedures(Services{Customers: []string{bankv1connect.BranchServiceName}})
	scrape, status := p.of("/metrics"), p.of(bankv1connect.BranchServiceGetStatusProcedure)
	if !scrape.large || !status.large || scrape.share == nil || scrape.share != status.share || scrape.kind != status.kind {
		t.Errorf("a scrape is %+v, a status %+v", scrape, status)
	}
	if other := p.of("/metrics/"); other.large || other.kind != page {
		t.Errorf("another path is %+v", other)
	}
}
