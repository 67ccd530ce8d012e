package main

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"passbook/customer"
	bankv1 "passbook/gen/bank/v1"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		listen, want string
	}{
		{"127.0.0.1", "127.0.0.1:50057"},
		{"0.0.0.0", "127.0.0.1:50057"},
		{"::", "[::1]:50057"},
		{"fe80::1", "[fe80::1]:50057"},
		{"bank.example", "bank.example:50057"},
	} {
		n := network{listen: tt.listen, basePort: 50050}
		if got := n.address(7); got != tt.want {
			t.Errorf("listening on %s, branch 7 is reached at %s, want %s", tt.listen, got, tt.want)
		}
	}
}

// TestFlagsReachTheBranches checks what no story can see from outside.
func TestFlagsReachTheBranches(t *testing.T) {
	o := bankOptions{
		input:   &customer.Input{Branches: []customer.Branch{{ID: 1, Balance: 400}, {ID: 2, Balance: 400}}},
		ids:     []uint32{2},
		network: &network{listen: "127.0.0.1", basePort: 100, elsewhere: addresses{1: "far:7"}},
		data:    "data", bootstrap: true, peerTimeout: time.Minute,
		acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY,
		logger:      slog.New(slog.DiscardHandler),
	}
	configs := o.configs(make([]net.Listener, 1))
	if len(configs) != 1 {
		t.Fatalf("%d configs, want 1", len(configs))
	}
	c := configs[0]
	if c.ID != 2 || c.Opening != 400 || c.Dir != "data/branch-2" || !c.Bootstrap ||
		c.PeerTimeout != time.Minute || c.Acknowledge != o.acknowledge ||
		c.Addresses[1] != "far:7" || c.Addresses[2] != "127.0.0.1:102" || len(c.Addresses) != 2 {
		t.Errorf("the branch is told %+v", c)
	}
}
