package branch_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/certs"
	"passbook.example/passbook/branch/certs/certstest"
	"passbook.example/passbook/branch/identity"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// scrape asks a branch for its metrics, and returns the answer.
func (b *bank) scrape(by *http.Client, id uint32) (status int, body string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.scheme+b.at(id).address+"/metrics", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := by.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// metrics returns what a branch shows, by name and by the values of the labels.
func (b *bank) metrics(by *http.Client, id uint32) map[string]float64 {
	b.t.Helper()
	status, body := b.scrape(by, id)
	if status != http.StatusOK {
		b.t.Fatalf("%d: %s", status, body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			all[series(name, m)] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

// series names one, as in "passbook_peer_reachable 2".
func series(name string, m *dto.Metric) string {
	for _, l := range m.GetLabel() {
		name += " " + l.GetValue()
	}
	return name
}

// Where nobody has to prove anything, each branch shows what its status says, on its own
// port.
func TestMetricsSayWhatTheStatusSays(t *testing.T) {
	t.Parallel() // it waits most of the time
	b := runBankWith(t, 3, 300, branchOptions{MaxAccounts: 50})
	b.deposit(2, 10)
	b.deposit(2, 10)
	b.deposit(3, 10)
	for _, id := range b.ids {
		b.awaitStatus(id, "everything applied", func(s *bankv1.GetStatusResponse) bool { return len(s.GetPeers()) == 2 && appliedAll(s, 0, 2, 1) })
		status := b.status(id)
		got := b.metrics(b.http, id)
		want := map[string]float64{
			fmt.Sprintf("passbook_branch_info bank %s %d", status.GetBankId(), id): 1, "passbook_branch_state serving": 1, "passbook_branch_state halted": 0, "passbook_branch_state recovering": 0,
			"passbook_journal_applied_entries_total 1": 0, "passbook_journal_applied_entries_total 2": 2, "passbook_journal_applied_entries_total 3": 1,
			"passbook_accounts": float64(status.GetAccountCount()), "passbook_accounts_limit": 50, "passbook_alarms fork": 0, "passbook_alarms other_bank": 0,
		}
		for _, p := range status.GetPeers() {
			want[fmt.Sprint("passbook_peer_reachable ", p.GetBranch())] = 1
			want[fmt.Sprint("passbook_peer_lag_entries ", p.GetBranch())] = 0
			want[fmt.Sprint("passbook_peer_refused_messages_total ", p.GetBranch())] = 0
		}
		for name, v := range want {
			if g, ok := got[name]; !ok || g != v {
				t.Errorf("branch %d: %s is %v, want %v", id, name, g, v)
			}
		}
		for name := range got {
			if strings.HasPrefix(name, "passbook_certificate") || strings.HasPrefix(name, "passbook_refused_accesses") {
				t.Errorf("branch %d without certificates shows %s", id, name)
			}
		}
	}

	// A lie in a peer's name, and a call that is turned away, are counted.
	_, err := b.peers(1).Claim(b.ctx, &bankv1.ClaimRequest{Branch: 2, Amount: -1})
	wantCode(t, err, connect.CodeInvalidArgument)
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, "http://"+b.at(1).address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	res, err := http.DefaultClient.Do(req) // over HTTP/1.1, as a browser does
	if err != nil || res.StatusCode != http.StatusForbidden {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
	b.awaitStatus(1, "a refused message", func(s *bankv1.GetStatusResponse) bool { return s.GetPeers()[0].GetRefusedMessages() == 1 })
	got := b.metrics(b.http, 1)
	if got["passbook_peer_refused_messages_total 2"] != 1 || got["passbook_refused_calls_total permission_denied"] != 1 {
		t.Errorf("got %v", got)
	}
	stream, err := b.peers(3).Propagate(b.ctx)
	if err == nil {
		err = stream.Send(&bankv1.PropagateRequest{Frame: &bankv1.Frame{Hello: &bankv1.Hello{Branch: 1, ToBranch: 3, Version: 1, BankName: "other"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	b.awaitStatus(3, "an alarm", func(s *bankv1.GetStatusResponse) bool { return len(s.GetAlarms()) == 1 })
	_, _ = stream.CloseRequest(), stream.CloseResponse()
	if got := b.metrics(b.http, 3); got["passbook_alarms other_bank"] != 1 || got["passbook_alarms fork"] != 0 {
		t.Errorf("got %v", got)
	}
	b.stop(3)
	b.awaitReachable(1, 3, false)
	if got := b.metrics(b.http, 1); got["passbook_peer_reachable 3"] != 0 || got["passbook_peer_reachable 2"] != 1 {
		t.Errorf("got %v", got)
	}
}

// appliedAll reports whether journals are applied up to some entries, from branch 1 on.
func appliedAll(s *bankv1.GetStatusResponse, entries ...uint64) bool {
	return slices.EqualFunc(s.GetApplied(), entries, func(p *bankv1.Position, n uint64) bool { return p.GetSequence() == n })
}

// told keeps what is told of calls.
type told struct {
	mu     sync.Mutex
	events []access.Event
}

func (o *told) tell(_ uint32, e access.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

// refusals returns of how many scrapes was told that they were refused.
func (o *told) refusals() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		if e.Procedure == "/metrics" && e.Err != nil {
			n++
		}
	}
	return n
}

// Auditors and operators scrape, with a certificate or a token; nobody else does, and each
// refusal says why, is told of, and is counted.
func TestMetricsAskWhoCalls(t *testing.T) {
	t.Parallel() // it waits most of the time
	c, log := runCounter(t), &told{}
	c.stopAll()
	c.options.Security.Tell = log.tell
	c.startAll()
	second, err := tls.LoadX509KeyPair(c.file("branch.2.crt"), c.file("branch.2.key"))
	if err != nil {
		t.Fatal(err)
	}
	token := func(claims string) *http.Client {
		by := over(t, holding())
		by.Transport = withToken{by.Transport, c.tokenOf(claims)}
		return by
	}
	for _, test := range []struct {
		name   string
		by     *http.Client
		status int
		want   string
	}{
		{"an auditor", over(t, prover(t, c.files, "eve")), http.StatusOK, "# TYPE passbook_branch_state gauge\n"},
		{"an operator", over(t, prover(t, c.files, "olga")), http.StatusOK, "passbook_branch_state{state=\"serving\"} 1\n"},
		{"an auditor's token", token(`{"aud":"passbook","sub":"prometheus","role":"auditor"}`), http.StatusOK, "passbook_certificate_not_after_seconds{"},
		{"nobody", over(t, holding()), http.StatusUnauthorized, "this bank asks who you are"},
		{"a teller", over(t, prover(t, c.files, "tess")), http.StatusForbidden, `/metrics is for the role auditor or operator, and you are teller "tess" of bank "bank"`},
		{"a customer's token", token(`{"aud":"passbook","sub":"cora","accounts":["cora"]}`), http.StatusForbidden, `and you are customer "cora"`},
		{"a forged token", token(`{"aud":"other","sub":"cora","role":"auditor"}`), http.StatusUnauthorized, "the token proves nothing"},
		{"a branch", over(t, holding(second)), http.StatusForbidden, `branch 2 of bank "bank" calls /metrics in its own name`},
	} {
		before := log.refusals()
		status, body := c.scrape(test.by, 1)
		body = strings.ReplaceAll(body, `\"`, `"`)
		if status != test.status || !strings.Contains(body, test.want) || status != http.StatusOK && strings.Contains(body, "passbook_") {
			t.Errorf("%s: %d %.300s", test.name, status, body)
		}
		if n := log.refusals() - before; (n == 1) != (test.status != http.StatusOK) {
			t.Errorf("%s: %d refusals are told of", test.name, n)
		}
	}
	got := c.metrics(over(t, prover(t, c.files, "eve")), 1)
	if got["passbook_refused_accesses_total unauthenticated"] != 2 || got["passbook_refused_accesses_total permission_denied"] != 3 || got["passbook_refused_calls_total permission_denied"] != 3 {
		t.Errorf("got %v", got)
	}
}

// withToken sends a token with each request.
type withToken struct {
	http.RoundTripper
	token string
}

func (w withToken) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+w.token)
	return w.RoundTripper.RoundTrip(req)
}

// The end of each certificate is the one in its file, and changes when the file does, while
// the branch runs.
func TestTheEndsOfCertificatesAreMetrics(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 1)
	eve := over(t, prover(t, s.files, "eve"))
	const own, ca = "passbook_certificate_not_after_seconds branch.1.crt branch 1 %s passbook://bank/branch/1", "passbook_certificate_not_after_seconds ca-%s.crt %[1]s-ca %d %s "
	// shown returns what is shown of a certificate, and what its file says.
	shown := func(got map[string]float64, name, file string, number int) (end, want float64) {
		t.Helper()
		all, err := certs.ReadCertificates(s.files.Dir, file)
		if err != nil || len(all) < number {
			t.Fatal(all, err)
		}
		c := all[number-1]
		return got[strings.ReplaceAll(name, "SUBJECT", c.Subject.String())], float64(c.NotAfter.Unix())
	}
	first := s.metrics(eve, 1)
	for name, file := range map[string]string{fmt.Sprintf(own, "SUBJECT"): "branch.1.crt", fmt.Sprintf(ca, "branch", 1, "SUBJECT"): certs.BranchCAFile, fmt.Sprintf(ca, "client", 1, "SUBJECT"): certs.ClientCAFile} {
		if end, want := shown(first, name, file, 1); end != want {
			t.Errorf("%s ends at %v, want %v: %v", file, end, want, first)
		}
	}
	// One that ends in 7 days takes its place, and the file of the CA has two.
	id := &identity.Identity{Bank: "bank", Branch: 1}
	ends := time.Now().Add(7 * 24 * time.Hour).Truncate(time.Second)
	s.files.Put(t, "branch.1", s.files.Branches.Sign(t, id, certstest.Between(time.Now().Add(-time.Hour), ends)))
	s.files.Write(t, certs.ClientCAFile, append(s.files.Clients.PEM(), s.files.Clients.PEM()...))
	for {
		got := s.metrics(eve, 1)
		end, _ := shown(got, fmt.Sprintf(own, "SUBJECT"), "branch.1.crt", 1)
		second, want := shown(got, fmt.Sprintf(ca, "client", 2, "SUBJECT"), certs.ClientCAFile, 2)
		if end == float64(ends.Unix()) && second == want {
			return
		}
		select {
		case <-s.ctx.Done():
			t.Fatalf("the new certificates are not shown: %v", got)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// The docs name every metric, and the examples none that there isn't.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel() // it waits most of the time
	s := runSecured(t, 2)
	s.awaitLinks()
	_, body := s.scrape(over(t, prover(t, s.files, "eve")), 1)
	served := map[string]bool{"passbook_peer_round_trip_seconds": true} // not before it was measured
	for _, name := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(body, -1) {
		served[name[1]] = true
	}
	for _, file := range []string{"../docs/metrics.md", "../examples/alerts.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, name := range regexp.MustCompile(`passbook_[a-z_]+`).FindAllString(string(text), -1) {
			if named[name] = true; !served[name] {
				t.Errorf("%s names %s, and no branch shows it", file, name)
			}
		}
		for name := range served {
			if strings.HasSuffix(file, ".md") && !named[name] {
				t.Errorf("%s does not name %s", file, name)
			}
		}
	}
}
