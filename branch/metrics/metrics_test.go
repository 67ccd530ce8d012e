package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"passbook.example/passbook/branch/metrics"
)

// scrape asks a handler that shows a snapshot, or says why it has none.
func scrape(req *http.Request, s *metrics.Snapshot, err error) *http.Response {
	h := metrics.NewHandler(metrics.Config{
		Take: func(context.Context) (*metrics.Snapshot, error) { return s, err },
		Refuse: func(w http.ResponseWriter, _ *http.Request, why error) {
			http.Error(w, why.Error(), http.StatusServiceUnavailable)
		},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

// parse reads what a scrape answers, by the library's own parser.
func parse(t *testing.T, from io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(from)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// labels returns the labels of a series by their names.
func labels(m *dto.Metric) map[string]string {
	of := map[string]string{}
	for _, l := range m.GetLabel() {
		of[l.GetName()] = l.GetValue()
	}
	return of
}

// Everything that a snapshot has is shown, under the type and the unit that its name says.
func TestASnapshotIsShown(t *testing.T) {
	s := &metrics.Snapshot{
		Bank: "bank", BankID: "0123", Branch: 1, Version: "v1.2.3", Started: time.UnixMilli(1500), Accounts: 7, MaxAccounts: 9,
		States: map[string]bool{"serving": true, "halted": false}, Alarms: map[string]int{"fork": 2}, Applied: map[uint32]uint64{1: 5, 2: 6},
		Peers:        []metrics.Peer{{Branch: 2, Reachable: true, Lag: 3, Refused: 4, RoundTrip: 1500 * time.Microsecond}, {Branch: 3}},
		RefusedCalls: map[string]uint64{"unavailable": 8}, RefusedAccesses: map[string]uint64{"unauthenticated": 1},
		Certificates: []metrics.Certificate{{File: "branch.1.crt", Number: 1, Kind: "branch", Subject: "CN=x", URI: "passbook://bank/branch/1", NotAfter: time.Unix(1e9, 5)}},
	}
	res := scrape(httptest.NewRequest(http.MethodGet, "/metrics", nil), s, nil)
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=0.0.4") || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d, %v", res.StatusCode, res.Header)
	}
	got := map[string]float64{}
	for name, family := range parse(t, res.Body) {
		isTotal := strings.HasSuffix(name, "_total")
		if isTotal != (family.GetType() == dto.MetricType_COUNTER) || !isTotal && family.GetType() != dto.MetricType_GAUGE || family.GetHelp() == "" {
			t.Errorf("%s is a %v: %q", name, family.GetType(), family.GetHelp())
		}
		for _, m := range family.GetMetric() {
			of := labels(m)
			delete(of, "go_version")
			got[name+fmt.Sprint(of)] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"passbook_build_infomap[version:v1.2.3]": 1, "passbook_branch_infomap[bank:bank bank_id:0123 branch:1]": 1, "passbook_branch_start_time_secondsmap[]": 1.5,
		"passbook_branch_statemap[state:serving]": 1, "passbook_branch_statemap[state:halted]": 0, "passbook_alarmsmap[kind:fork]": 2,
		"passbook_accountsmap[]": 7, "passbook_accounts_limitmap[]": 9,
		"passbook_journal_applied_entries_totalmap[journal:1]": 5, "passbook_journal_applied_entries_totalmap[journal:2]": 6,
		"passbook_peer_reachablemap[peer:2]": 1, "passbook_peer_reachablemap[peer:3]": 0, "passbook_peer_lag_entriesmap[peer:2]": 3, "passbook_peer_lag_entriesmap[peer:3]": 0,
		"passbook_peer_refused_messages_totalmap[peer:2]": 4, "passbook_peer_refused_messages_totalmap[peer:3]": 0, "passbook_peer_round_trip_secondsmap[peer:2]": 0.0015,
		"passbook_refused_calls_totalmap[code:unavailable]": 8, "passbook_refused_accesses_totalmap[code:unauthenticated]": 1,
		"passbook_certificate_not_after_secondsmap[file:branch.1.crt kind:branch number:1 subject:CN=x uri:passbook://bank/branch/1]": 1e9,
	}
	for name, v := range want {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("%s is %v, want %v", name, g, v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d series, want %d: %v", len(got), len(want), got)
	}
}

// Whatever a certificate says of itself is a label, and no line of its own; and two
// certificates that say the same are two series.
func TestHostileLabels(t *testing.T) {
	for _, hostile := range []string{
		"\"} 1\npassbook_alarms{kind=\"fork\"} 9\n#", `\`, `\"`, "a\nb\r\n\x00\x7f", "\xff\xfe", strings.Repeat("ü", 5000), "\u2028{}", "# EOF",
	} {
		one := metrics.Certificate{File: hostile, Kind: hostile, Subject: hostile, URI: hostile}
		two := one
		one.Number, two.Number = 1, 2
		s := &metrics.Snapshot{Bank: hostile, BankID: hostile, Version: hostile, Certificates: []metrics.Certificate{one, two}}
		families := parse(t, scrape(httptest.NewRequest(http.MethodGet, "/metrics", nil), s, nil).Body)
		if families["passbook_alarms"] != nil {
			t.Errorf("%.40q adds a series", hostile)
		}
		found := families["passbook_certificate_not_after_seconds"].GetMetric()
		if len(found) != 2 {
			t.Fatalf("%.40q: %d series", hostile, len(found))
		}
		want := strings.ToValidUTF8(hostile, "\uFFFD")
		if len(want) > 256 {
			want = want[:256] + "…"
		}
		for _, m := range append(found, families["passbook_branch_info"].GetMetric()...) {
			for name, value := range labels(m) {
				if name != "number" && name != "branch" && value != want {
					t.Errorf("the label %s of %.40q is %.300q", name, hostile, value)
				}
			}
		}
	}
}

// A scraper that asks for OpenMetrics gets that, and one that can unpack it gets it packed.
func TestWhatAScraperAsksFor(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
	res := scrape(req, &metrics.Snapshot{Applied: map[uint32]uint64{1: 1}}, nil)
	body, err := io.ReadAll(res.Body)
	if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/openmetrics-text; version=1.0.0") || !strings.HasSuffix(string(body), "# EOF\n") || !strings.Contains(string(body), "# TYPE passbook_journal_applied_entries counter\n") {
		t.Errorf("%v, %v:\n%s", err, res.Header, body)
	}
	req = httptest.NewRequest(http.MethodGet, "/metrics", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	if res := scrape(req, &metrics.Snapshot{}, nil); res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%v", res.Header)
	}
}

// What is no scrape is refused, and so is one for which there is no snapshot.
func TestWhatIsNoScrape(t *testing.T) {
	for name, test := range map[string]struct {
		req  *http.Request
		err  error
		code int
		want string
	}{
		"POST":        {httptest.NewRequest(http.MethodPost, "/metrics", nil), nil, http.StatusMethodNotAllowed, "Method Not Allowed"},
		"a message":   {httptest.NewRequest(http.MethodGet, "/metrics", strings.NewReader("{}")), nil, http.StatusServiceUnavailable, "without a body"},
		"half of one": {httptest.NewRequest(http.MethodGet, "/metrics", io.MultiReader(broken{})), nil, http.StatusServiceUnavailable, "it broke"},
		"no snapshot": {httptest.NewRequest(http.MethodGet, "/metrics", nil), errors.New("it stops"), http.StatusServiceUnavailable, "it stops"},
	} {
		res := scrape(test.req, &metrics.Snapshot{}, test.err)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != test.code || !strings.Contains(string(body), test.want) {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("it broke") }
