package issue_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	"passbook.example/passbook/cmd/passbook/internal/issue"
)

// day0 is when the tests begin.
var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bank makes a folder with the CAs of a bank, and of whom is named, and its clock.
func bank(t *testing.T, branches []uint32, clients ...string) (*issue.Folder, *time.Time) {
	t.Helper()
	now := day0
	f := &issue.Folder{Dir: filepath.Join(t.TempDir(), "certs"), Bank: "bank", Now: func() time.Time { return now }}
	ok(t)(f.CreateCA(issue.CADays))
	if len(branches) > 0 {
		ok(t)(f.CreateBranches(branches, issue.DefaultHosts, issue.BranchDays))
	}
	for _, name := range clients {
		ok(t)(f.CreateClient(teller(name), issue.ClientDays))
	}
	return f, &now
}

func teller(name string) identity.Identity {
	return identity.Identity{Client: name, Role: identity.Teller}
}

// ok fails the test unless something was made.
func ok(t *testing.T) func([]issue.Entry, error) []issue.Entry {
	t.Helper()
	return func(made []issue.Entry, err error) []issue.Entry {
		t.Helper()
		if err != nil || len(made) == 0 {
			t.Fatalf("made %v, %v", made, err)
		}
		return made
	}
}

// stateOf returns the state of a file's first certificate.
func stateOf(t *testing.T, f *issue.Folder, name string) string {
	t.Helper()
	for _, e := range ok(t)(f.List(false)) {
		if e.File == name {
			return e.State
		}
	}
	t.Fatalf("%s is not listed", name)
	return ""
}

// handshake shakes hands over loopback, and returns whom the server sees.
func handshake(t *testing.T, f *certs.Folder, server, client *tls.Config) (*identity.Identity, error) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // until the server closes
			_ = c.Close()
		}
		dialed <- err
	}()
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, isTLS := raw.(*tls.Conn)
	if !isTLS {
		t.Fatalf("accepted a %T", raw)
	}
	err = c.Handshake()
	state := c.ConnectionState()
	_ = c.Close()
	seen := <-dialed
	if err != nil {
		return nil, err
	}
	if refused := (*net.OpError)(nil); errors.As(seen, &refused) {
		return nil, seen
	}
	return f.Identify(&state)
}

// What is made is believed by those who read the folder, over real connections, as what it
// was made for.
func TestBranchesBelieveWhatIsMade(t *testing.T) {
	f, now := bank(t, []uint32{1, 2}, "ann")
	read, err := certs.Open(f.Dir, "bank", certs.Options{Branches: []uint32{1, 2}, Clock: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	peer := read.Peer(1, 2)
	if id, err := handshake(t, read, read.Server(2), peer); err != nil || id.Branch != 1 {
		t.Errorf("branch 1 at branch 2: %v, %v", id, err)
	}
	if id, err := handshake(t, read, read.Server(1), peer); err == nil {
		t.Errorf("branch 2 was dialed, branch 1 answers, and sees %v", id)
	}
	client, err := certs.ClientConfig(f.Dir, "ann", false)
	if err != nil {
		t.Fatal(err)
	}
	client.Time = func() time.Time { return *now }
	if id, err := handshake(t, read, read.Server(1), client); err != nil || id.Client != "ann" || id.Role != identity.Teller {
		t.Errorf("ann at branch 1: %v, %v", id, err)
	}
	if _, err := f.Revoke(issue.Revoke{Client: "ann"}); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(time.Second)
	if id, err := handshake(t, read, read.Server(1), client); err == nil {
		t.Errorf("ann is revoked, and is %v", id)
	}
	own, err := read.Signing(1)
	if err != nil {
		t.Fatal(err)
	}
	if branch, _, err := read.SignerOf(own.Certificate); err != nil || branch != 1 {
		t.Errorf("the signer is %d, %v", branch, err)
	}
}

// At every step of a rotation everybody's certificate is believed.
func TestARotationRefusesNobody(t *testing.T) {
	f, now := bank(t, []uint32{1, 2}, "ann")
	read, err := certs.Open(f.Dir, "bank", certs.Options{Branches: []uint32{1, 2}, Clock: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	before, err := certs.ClientConfig(f.Dir, "ann", false)
	if err != nil {
		t.Fatal(err)
	}
	first, err := read.Signing(1)
	if err != nil {
		t.Fatal(err)
	}
	signed := []tls.Certificate{first}
	for _, step := range []struct {
		name string
		do   func() ([]issue.Entry, error)
	}{
		{"new CAs", func() ([]issue.Entry, error) { return f.RenewCA(nil, 100) }},
		{"a branch", func() ([]issue.Entry, error) { return f.Renew([]string{"branch.1"}, nil, 90) }},
		{"all", func() ([]issue.Entry, error) { return f.Renew([]string{"branch.2", "client.ann"}, nil, 90) }},
		{"old CAs dropped", func() ([]issue.Entry, error) { return f.DropOldCAs(nil) }},
	} {
		ok(t)(step.do())
		*now = now.Add(time.Second)
		c, err := read.Signing(1)
		if err != nil {
			t.Fatal(err)
		}
		signed = append(signed, c)
		client, err := certs.ClientConfig(f.Dir, "ann", false)
		if err != nil {
			t.Fatal(err)
		}
		client.Time = func() time.Time { return *now }
		if id, err := handshake(t, read, read.Server(1), client); err != nil || id.Client != "ann" {
			t.Errorf("%s: ann: %v, %v", step.name, id, err)
		}
		if id, err := handshake(t, read, read.Server(2), read.Peer(1, 2)); err != nil || id.Branch != 1 {
			t.Errorf("%s: branch 1: %v, %v", step.name, id, err)
		}
		for _, e := range ok(t)(f.List(false)) {
			if !e.Good {
				t.Errorf("%s: %s is %s", step.name, e.File, e.State)
			}
		}
	}
	for _, c := range signed {
		if branch, _, err := read.SignerOf(c.Certificate); err != nil || branch != 1 {
			t.Errorf("what branch 1 has signed is of branch %d, %v", branch, err)
		}
	}
	before.Time = func() time.Time { return *now }
	if id, err := handshake(t, read, read.Server(1), before); err == nil {
		t.Errorf("the CA that signed it is dropped, and it is %v's", id)
	}
}

// A certificate's state follows the time, and it never outlives its CA.
func TestStatesFollowTheTime(t *testing.T) {
	f, now := bank(t, []uint32{1}, "ann")
	const day = 24 * time.Hour
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "good"}, {60*day - time.Second, "good"}, {61 * day, "good, expires in 29 days"}, {90 * day, "good, expires in 0 days"},
		{90*day + time.Second, "expired on 2026-05-30"}, {-2 * time.Hour, "not valid before 2026-03-01T11:00:00Z"},
	} {
		*now = day0.Add(step.after)
		if got := stateOf(t, f, "client.ann.crt"); got != step.want {
			t.Errorf("after %v it is %q, want %q", step.after, got, step.want)
		}
	}
	*now = day0.AddDate(0, 0, issue.CADays-10)
	if made := ok(t)(f.Renew([]string{"branch.1"}, nil, issue.BranchDays)); !made[0].Until.Equal(day0.AddDate(0, 0, issue.CADays)) {
		t.Errorf("a certificate is good until %v, and its CA is not", made[0].Until)
	}
	*now = day0.AddDate(0, 0, issue.CADays+1)
	if _, err := f.Renew([]string{"branch.1"}, nil, 1); err == nil || !strings.Contains(err.Error(), "'passbook cert renew ca branches' makes another") {
		t.Errorf("its CA has expired: %v", err)
	}
	// A CA is renewed without its key, and after it has expired.
	if err := os.Remove(filepath.Join(f.Dir, "ca-branch.key")); err != nil {
		t.Fatal(err)
	}
	ok(t)(f.RenewCA(nil, issue.CADays))
	ok(t)(f.Renew([]string{"branch.1"}, nil, issue.BranchDays))
	if got := stateOf(t, f, "branch.1.crt"); got != "good" {
		t.Errorf("it is %q", got)
	}
}

// What a branch has signed counts after its certificate has expired, so that stays in the
// record and is revoked with the others; a client's does not.
func TestWhatIsRevoked(t *testing.T) {
	f, now := bank(t, []uint32{1, 2}, "ann", "eve")
	*now = day0.AddDate(0, 0, 300)
	ok(t)(f.Renew([]string{"branch.1", "client.ann"}, nil, 100))
	*now = day0.AddDate(0, 0, 399)
	branch, err := f.Revoke(issue.Revoke{Branch: 1, After: 7})
	if err != nil || len(branch) != 2 || branch[0].After != 7 || branch[1].After != 7 {
		t.Errorf("of branch 1: %v, %v", branch, err)
	}
	client, err := f.Revoke(issue.Revoke{Client: "ann"})
	if err != nil || len(client) != 1 {
		t.Errorf("of ann: %v, %v", client, err)
	}
	all, err := certs.ReadRevocations(f.Dir)
	if err != nil || len(all) != 3 {
		t.Errorf("the list has %v, %v", all, err)
	}
	if got := stateOf(t, f, "branch.2.crt"); got != "expired on 2027-03-01" {
		t.Errorf("branch 2 is %q", got)
	}
}

// Commands that change a folder at the same time wait for each other: no change is lost.
func TestCommandsTakeTurns(t *testing.T) {
	f, _ := bank(t, nil)
	const commands = 8
	var all sync.WaitGroup
	for i := range commands {
		all.Go(func() {
			mine := *f
			if _, err := mine.CreateBranches([]uint32{uint32(i + 1)}, nil, 1); err != nil {
				t.Error(err)
			}
			if _, err := mine.Revoke(issue.Revoke{Branch: uint32(i + 1)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if list, err := certs.ReadRevocations(f.Dir); err != nil || len(list) != commands {
		t.Errorf("%d certificates are revoked, %v, want %d", len(list), err, commands)
	}
}

// A change that fails leaves every file as it was, and no other behind.
func TestAFailedChangeLeavesNothing(t *testing.T) {
	f, _ := bank(t, []uint32{1}, "ann")
	before := files(t, f.Dir)
	if err := os.Mkdir(filepath.Join(f.Dir, "branch.2.crt"), 0o700); err != nil { // nothing is renamed over it
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "branch.2.crt", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() ([]issue.Entry, error){
		"there is one":        func() ([]issue.Entry, error) { return f.CreateBranches([]uint32{3, 2}, nil, 1) },
		"no host":             func() ([]issue.Entry, error) { return f.CreateBranches([]uint32{3}, []string{"a b"}, 1) },
		"another bank":        func() ([]issue.Entry, error) { g := *f; g.Bank = "other"; return g.CreateBranches([]uint32{3}, nil, 1) },
		"no such certificate": func() ([]issue.Entry, error) { return f.Renew([]string{"client.bob"}, nil, 1) },
		"CAs are there":       func() ([]issue.Entry, error) { return f.CreateCA(1) },
		"a role with accounts": func() ([]issue.Entry, error) {
			id := teller("bob")
			id.Accounts = []string{"x"}
			return f.CreateClient(id, 1)
		},
		"CAs in the wrong place": func() ([]issue.Entry, error) {
			swap(t, f.Dir)
			defer swap(t, f.Dir)
			return f.CreateBranches([]uint32{3}, nil, 1)
		},
	} {
		if made, err := do(); err == nil || len(made) > 0 {
			t.Errorf("%s: made %v, %v", name, made, err)
		}
	}
	if err := os.RemoveAll(filepath.Join(f.Dir, "branch.2.crt")); err != nil {
		t.Fatal(err)
	}
	if after := files(t, f.Dir); !slices.Equal(before, after) {
		t.Errorf("before there were %q, then %q", before, after)
	}
}

// swap puts each CA in the place of the other.
func swap(t *testing.T, dir string) {
	t.Helper()
	for _, end := range []string{".crt", ".key"} {
		for _, move := range [][2]string{{"ca-branch", "x"}, {"ca-client", "ca-branch"}, {"x", "ca-client"}} {
			if err := os.Rename(filepath.Join(dir, move[0]+end), filepath.Join(dir, move[1]+end)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// files returns the files of a folder, with what they have.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s: %s", path, data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Certificates that are made elsewhere are listed as the branches believe them: an
// organisation's CA signs through another one, and its certificates don't name the bank.
func TestCertificatesMadeElsewhere(t *testing.T) {
	b := certstest.New(t, "bank")
	one := &identity.Identity{Bank: "bank", Branch: 1}
	issuing := b.Branches.Below(t, "issuing")
	c := issuing.Sign(t, one)
	c.Certificate = append(c.Certificate, issuing.Certificate.Raw)
	b.Put(t, "branch.1", c)
	f := &issue.Folder{Dir: b.Dir}
	if got := stateOf(t, f, "branch.1.crt"); !strings.HasPrefix(got, "good") {
		t.Errorf("it is %q", got)
	}
	read, err := certs.Open(b.Dir, "bank", certs.Options{Branches: []uint32{1}})
	if err != nil {
		t.Fatal(err)
	}
	if id, err := handshake(t, read, read.Server(1), read.Peer(1, 1)); err != nil || !id.Equal(one) {
		t.Errorf("it speaks for %v, %v", id, err)
	}
	if branch, _, err := read.SignerOf(c.Certificate); err != nil || branch != 1 {
		t.Errorf("it signs for %d, %v", branch, err)
	}
	if _, _, err := read.SignerOf(c.Certificate[:1]); err == nil {
		t.Error("it signs without the CA that has signed it")
	}
	if _, err := f.Renew([]string{"branch.1"}, nil, 1); err == nil || !strings.Contains(err.Error(), "has no ca-branch.key") {
		t.Errorf("it is renewed: %v", err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Put(t, "branch.1", b.Branches.SignKey(t, one, key))
	if got := stateOf(t, f, "branch.1.crt"); got != "its key is none of ECDSA on P-256, which journals are signed with" {
		t.Errorf("with a key of another kind it is %q", got)
	}
}
