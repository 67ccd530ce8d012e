package flags

import (
	"strings"
	"testing"

	"passbook.example/passbook/cmd/passbook/internal/host"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.3.2.1": true, "::1": true, "localhost": true,
		"0.0.0.0": false, "::": false, "10.0.0.1": false, "": false, "localhost.example": false, "127.0.0.1.example": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q is loopback: %v, want %v", host, got, want)
		}
	}
}

// Branches that other machines reach need certificates, or somebody who says that he wants
// none.
func TestWhereBranchesMayBe(t *testing.T) {
	here, open := host.Network{Listen: "127.0.0.1"}, host.Network{Listen: "0.0.0.0"}
	for name, test := range map[string]struct {
		security host.Security
		network  host.Network
		refused  string
	}{
		"this machine":                   {network: here},
		"all machines":                   {network: open, refused: "--listen 0.0.0.0 is open to other machines"},
		"all machines, insecure":         {security: host.Security{Insecure: true}, network: open},
		"all machines, certificates":     {security: host.Security{CertsDir: "certs"}, network: open},
		"a branch elsewhere":             {network: host.Network{Listen: "localhost", Elsewhere: map[uint32]string{2: "10.0.0.2:50052"}}, refused: "branch 2 is at 10.0.0.2:50052, on another machine"},
		"a branch at another port":       {network: host.Network{Listen: "localhost", Elsewhere: map[uint32]string{2: "[::1]:50052"}}},
		"insecure, with certificates":    {security: host.Security{Insecure: true, CertsDir: "certs"}, network: here, refused: "--insecure is for branches without certificates"},
		"plaintext without certificates": {security: host.Security{Plaintext: true}, network: here, refused: "name theirs with --certs-dir"},
		"plaintext with certificates":    {security: host.Security{Plaintext: true, CertsDir: "certs"}, network: open},
	} {
		if err := CheckSecurity(&test.security, &test.network); (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s: %v, want %q", name, err, test.refused)
		}
	}
}
