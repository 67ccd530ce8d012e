package host

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// TestFlagsReachTheBranches checks what no test of the binary can see from outside.
func TestFlagsReachTheBranches(t *testing.T) {
	o := Options{
		Input:   &customer.Input{Branches: []customer.Branch{{ID: 1, Balance: 400}, {ID: 2, Balance: 400}}},
		IDs:     []uint32{2},
		Network: &Network{Listen: "127.0.0.1", BasePort: 100, Elsewhere: map[uint32]string{1: "far:7"}},
		Data:    "data", Bank: "rent", BankID: "0123", Bootstrap: true, PeerTimeout: time.Minute, MaxAccounts: 9, RequireHome: true,
		Acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY,
		Logger:      slog.New(slog.DiscardHandler),
	}
	configs := o.configs(make([]net.Listener, 1))
	if len(configs) != 1 {
		t.Fatalf("%d configs, want 1", len(configs))
	}
	c := configs[0]
	if c.ID != 2 || c.Opening != 400 || c.Dir != "data/branch-2" || c.Bank != "rent" || c.BankID != "0123" || !c.Bootstrap ||
		c.PeerTimeout != time.Minute || c.MaxAccounts != 9 || !c.RequireHomeBranch || c.Acknowledge != o.Acknowledge ||
		c.Addresses[1] != "far:7" || c.Addresses[2] != "127.0.0.1:102" || len(c.Addresses) != 2 {
		t.Errorf("the branch gets %+v", c)
	}
}
