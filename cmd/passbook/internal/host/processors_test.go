package host

import (
	"testing"

	"passbook.example/passbook/customer"
)

// Processes of one machine share its processors.
func TestProcessors(t *testing.T) {
	input := &customer.Input{Branches: []customer.Branch{{ID: 1}, {ID: 2}, {ID: 3}}}
	tests := map[string]struct {
		ids       []uint32
		elsewhere map[uint32]string
		all, want int
	}{
		"all branches":              {[]uint32{1, 2, 3}, nil, 8, 8},
		"one of three":              {[]uint32{2}, nil, 6, 2},
		"one of three, rounded up":  {[]uint32{2}, nil, 8, 3},
		"more branches than cores":  {[]uint32{2}, nil, 2, 1},
		"two of three":              {[]uint32{2, 3}, nil, 6, 4},
		"alone on its machine":      {[]uint32{2}, map[uint32]string{1: "far:7", 3: "10.0.0.3:7"}, 8, 8},
		"others on other ports":     {[]uint32{2}, map[uint32]string{1: "127.0.0.9:7", 3: "localhost:7"}, 6, 2},
		"one here, one far away":    {[]uint32{2}, map[uint32]string{1: "127.0.0.1:7", 3: "far:7"}, 8, 4},
		"itself under another name": {[]uint32{2}, map[uint32]string{1: "far:7", 2: "near:7", 3: "far:8"}, 8, 8},
	}
	for name, tt := range tests {
		o := Options{Input: input, IDs: tt.ids, Network: &Network{Listen: "0.0.0.0", Elsewhere: tt.elsewhere}}
		if got := o.processors(tt.all); got != tt.want {
			t.Errorf("%s: %d of %d processors, want %d", name, got, tt.all, tt.want)
		}
	}
}
