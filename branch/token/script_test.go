package token_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/branch/token"
)

// The script of docs/security.md makes keys and tokens that are taken, with OpenSSL.
func TestTheScriptOfTheDocs(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("testdata/token.sh", args...)
		var out, wrong bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &wrong
		if err := cmd.Run(); err != nil {
			t.Fatalf("%q: %v: %s", args, err, &wrong)
		}
		return strings.TrimSpace(out.String())
	}
	run("key", dir, "2026-11")
	c := must(token.Open(token.Config{Bank: "bank", JWKSFile: dir + "/keys.json", Audience: "passbook"}))
	take(t, c, run("token", dir, "2026-11", `{"aud":"passbook","sub":"ann","accounts":["ann","shop-*"]}`),
		&identity.Identity{Bank: "bank", Client: "ann", Role: identity.Customer, Accounts: identity.Accounts{"ann", "shop-*"}})
	refuse(t, c, run("token", dir, "2026-11", `{"aud":"other","sub":"ann"}`), `aud does not have "passbook"`)
	if info := must(os.Stat(dir + "/2026-11.pem")); info.Mode().Perm() != 0o600 {
		t.Errorf("the key has the mode %v, want 0600", info.Mode())
	}
	if out, err := exec.Command("testdata/token.sh", "key").CombinedOutput(); err == nil || !strings.Contains(string(out), "token.sh key DIR KID") {
		t.Errorf("too few arguments: %v, %s", err, out)
	}
}
