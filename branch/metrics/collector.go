package metrics

import (
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// maxLabelBytes bounds what a label holds of a text that comes from a file.
const maxLabelBytes = 256

// describe returns what is known of a metric beforehand.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("passbook_"+name, help, labels, nil)
}

// What a branch shows. docs/metrics.md lists it, and a test compares the two.
var (
	buildInfo       = describe("build_info", "The build of the branch; the value is always 1.", "version", "go_version")
	branchInfo      = describe("branch_info", "Which branch of which bank this is; the value is always 1.", "bank", "bank_id", "branch")
	started         = describe("branch_start_time_seconds", "When the branch was started, in seconds since 1970.")
	state           = describe("branch_state", "1 for the state in which the branch is, 0 for the others.", "state")
	alarms          = describe("alarms", "How many alarms need an operator; passbook alarms lists them.", "kind")
	accounts        = describe("accounts", "How many accounts there are at this branch.")
	maxAccounts     = describe("accounts_limit", "How many accounts there may be before a write that would open one more is refused.")
	applied         = describe("journal_applied_entries_total", "Up to which entry the journal of each branch is applied here.", "journal")
	reachable       = describe("peer_reachable", "1 if the peer is connected and has caught up, 0 if not.", "peer")
	lag             = describe("peer_lag_entries", "How many entries of this branch's journal the peer has not confirmed.", "peer")
	roundTrip       = describe("peer_round_trip_seconds", "About how long a message to the peer and the answer take; not there while that is not known.", "peer")
	refusedMessages = describe("peer_refused_messages_total", "How many messages in the peer's name were refused, because they said something impossible.", "peer")
	refusedCalls    = describe("refused_calls_total", "How many calls were turned away before they were carried out, by the code that the caller was told.", "code")
	refusedAccesses = describe("refused_accesses_total", "How many calls, logins and connections were refused because the caller had not proven who he is, or had no right to it.", "code")
	notAfter        = describe("certificate_not_after_seconds", "When a certificate that this branch uses ends, in seconds since 1970.", "file", "number", "kind", "subject", "uri")
)

// collector implements prometheus.Collector for one snapshot.
type collector struct{ *Snapshot }

// Describe implements prometheus.Collector. Nothing said here is a promise that the library
// checks later: each collector is for one scrape.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- metric(d, prometheus.GaugeValue, v, labels)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- metric(d, prometheus.CounterValue, float64(v), labels)
	}
	gauge(buildInfo, 1, c.Version, runtime.Version())
	gauge(branchInfo, 1, c.Bank, c.BankID, id(c.Branch))
	gauge(started, float64(c.Started.UnixMilli())/1e3)
	for name, is := range c.States {
		gauge(state, truth(is), name)
	}
	for kind, n := range c.Alarms {
		gauge(alarms, float64(n), kind)
	}
	gauge(accounts, float64(c.Accounts))
	if c.MaxAccounts > 0 {
		gauge(maxAccounts, float64(c.MaxAccounts))
	}
	for branch, n := range c.Applied {
		counter(applied, n, id(branch))
	}
	for _, p := range c.Peers {
		gauge(reachable, truth(p.Reachable), id(p.Branch))
		gauge(lag, float64(p.Lag), id(p.Branch))
		counter(refusedMessages, p.Refused, id(p.Branch))
		if p.RoundTrip > 0 {
			gauge(roundTrip, p.RoundTrip.Seconds(), id(p.Branch))
		}
	}
	for code, n := range c.RefusedCalls {
		counter(refusedCalls, n, code)
	}
	for code, n := range c.RefusedAccesses {
		counter(refusedAccesses, n, code)
	}
	for _, t := range c.Certificates {
		gauge(notAfter, float64(t.NotAfter.Unix()), t.File, strconv.Itoa(t.Number), t.Kind, t.Subject, t.URI)
	}
}

// metric returns one figure. Its labels hold what the format can: the library escapes quotes
// and line ends, and refuses the whole scrape over what is no UTF-8.
func metric(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels []string) prometheus.Metric {
	for i, text := range labels {
		labels[i] = clean(text)
	}
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err) // the scrape says so
	}
	return m
}

// clean returns a text as a label may hold it.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxLabelBytes {
		return text
	}
	end := maxLabelBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// id returns the id of a branch as a label has it.
func id(branch uint32) string { return strconv.FormatUint(uint64(branch), 10) }

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
