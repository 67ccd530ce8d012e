package host

import (
	"testing"
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
		n := Network{Listen: tt.listen, BasePort: 50050}
		if got := n.Address(7); got != tt.want {
			t.Errorf("listening on %s, branch 7 is reached at %s, want %s", tt.listen, got, tt.want)
		}
	}
}
