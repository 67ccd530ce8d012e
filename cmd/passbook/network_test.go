package main

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"passbook.example/passbook/customer"
	bankv1 "passbook.example/passbook/gen/bank/v1"
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

// Processes of one machine share its processors.
func TestProcessors(t *testing.T) {
	input := &customer.Input{Branches: []customer.Branch{{ID: 1}, {ID: 2}, {ID: 3}}}
	tests := map[string]struct {
		ids       []uint32
		elsewhere addresses
		all, want int
	}{
		"all branches":              {[]uint32{1, 2, 3}, nil, 8, 8},
		"one of three":              {[]uint32{2}, nil, 6, 2},
		"one of three, rounded up":  {[]uint32{2}, nil, 8, 3},
		"more branches than cores":  {[]uint32{2}, nil, 2, 1},
		"two of three":              {[]uint32{2, 3}, nil, 6, 4},
		"alone on its machine":      {[]uint32{2}, addresses{1: "far:7", 3: "10.0.0.3:7"}, 8, 8},
		"others on other ports":     {[]uint32{2}, addresses{1: "127.0.0.9:7", 3: "localhost:7"}, 6, 2},
		"one here, one far away":    {[]uint32{2}, addresses{1: "127.0.0.1:7", 3: "far:7"}, 8, 4},
		"itself under another name": {[]uint32{2}, addresses{1: "far:7", 2: "near:7", 3: "far:8"}, 8, 8},
	}
	for name, tt := range tests {
		o := bankOptions{input: input, ids: tt.ids, network: &network{listen: "0.0.0.0", elsewhere: tt.elsewhere}}
		if got := o.processors(tt.all); got != tt.want {
			t.Errorf("%s: %d of %d processors, want %d", name, got, tt.all, tt.want)
		}
	}
}

// TestFlagsReachTheBranches checks what no story can see from outside.
func TestFlagsReachTheBranches(t *testing.T) {
	o := bankOptions{
		input:   &customer.Input{Branches: []customer.Branch{{ID: 1, Balance: 400}, {ID: 2, Balance: 400}}},
		ids:     []uint32{2},
		network: &network{listen: "127.0.0.1", basePort: 100, elsewhere: addresses{1: "far:7"}},
		data:    "data", bank: "rent", bankID: "0123", bootstrap: true, peerTimeout: time.Minute, maxAccounts: 9, requireHome: true,
		acknowledge: bankv1.Acknowledge_ACKNOWLEDGE_MAJORITY,
		logger:      slog.New(slog.DiscardHandler),
	}
	configs := o.configs(make([]net.Listener, 1))
	if len(configs) != 1 {
		t.Fatalf("%d configs, want 1", len(configs))
	}
	c := configs[0]
	if c.ID != 2 || c.Opening != 400 || c.Dir != "data/branch-2" || c.Bank != "rent" || c.BankID != "0123" || !c.Bootstrap ||
		c.PeerTimeout != time.Minute || c.MaxAccounts != 9 || !c.RequireHomeBranch || c.Acknowledge != o.acknowledge ||
		c.Addresses[1] != "far:7" || c.Addresses[2] != "127.0.0.1:102" || len(c.Addresses) != 2 {
		t.Errorf("the branch is told %+v", c)
	}
}
