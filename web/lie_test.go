package web_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/chromedp/chromedp"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
	"passbook.example/passbook/web"
)

// teller is a branch that serves the page and tells it what a test says.
type teller struct {
	bankv1connect.UnimplementedBranchServiceHandler
	told chan *bankv1.WatchResponse
}

// tell serves a page, and sends it this first message.
func tell(t *testing.T, first *bankv1.WatchResponse) (branch *teller, url string) {
	t.Helper()
	branch = &teller{told: make(chan *bankv1.WatchResponse, 16)}
	branch.told <- first
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler())
	mux.Handle(bankv1connect.NewBranchServiceHandler(branch))
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return branch, server.URL
}

// Watch implements bankv1connect.BranchServiceHandler.
func (b *teller) Watch(ctx context.Context, _ *bankv1.WatchRequest, stream *connect.ServerStream[bankv1.WatchResponse]) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case said := <-b.told:
			if err := stream.Send(said); err != nil {
				return err
			}
		}
	}
}

// GetIdentity implements bankv1connect.BranchServiceHandler.
func (b *teller) GetIdentity(context.Context, *bankv1.GetIdentityRequest) (*bankv1.GetIdentityResponse, error) {
	return &bankv1.GetIdentityResponse{}, nil
}

// GetStatus implements bankv1connect.BranchServiceHandler.
func (b *teller) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{Accounts: []*bankv1.AccountStatus{{Account: hostile, Balance: math.MinInt64}}}, nil
}

// hostile is a name that turns the text around it, hides characters, writes
// HTML, and begins a line.
const hostile = "a\u202eb\u200bc\u0000d\u0007e\u2028f\x1b[31m<img src=x onerror=alert(1)>\n\u2066\U000e0041"

// unseen matches a character that no text of the page may have.
const unseen = `/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u`

// lie has the numbers that a lying branch puts everywhere.
type lie struct {
	int64  int64
	uint64 uint64
}

func (n lie) entry(sequence uint64, entry *bankv1.Entry) *bankv1.WatchedEntry {
	entry.CustomerId, entry.RecordedAtUnixMs, entry.RequestId, entry.Sequence = n.int64, n.int64, hostile, n.uint64
	receipt := &bankv1.Receipt{Branch: math.MaxUint32, Sequence: sequence}
	return &bankv1.WatchedEntry{Branch: math.MaxUint32, Receipt: receipt, Entry: entry, Balance: n.int64, SpreadUs: n.int64}
}

func (n lie) entries() []*bankv1.WatchedEntry {
	return []*bankv1.WatchedEntry{
		n.entry(1, &bankv1.Entry{}),
		n.entry(2, &bankv1.Entry{Fact: &bankv1.Entry_Deposit{Deposit: &bankv1.Deposit{Account: hostile, Amount: n.int64}}}),
		n.entry(3, &bankv1.Entry{Fact: &bankv1.Entry_Withdrawal{Withdrawal: &bankv1.Withdrawal{Account: hostile, Amount: n.int64}}}),
		n.entry(4, &bankv1.Entry{Customer: hostile, Fact: &bankv1.Entry_Transfer{Transfer: &bankv1.Transfer{FromAccount: hostile, ToAccount: "b", Amount: n.int64}}}),
		n.entry(5, &bankv1.Entry{Fact: &bankv1.Entry_Grant{Grant: &bankv1.Grant{Account: hostile, ToBranch: math.MaxUint32, Amount: n.int64}}}),
		{Branch: 1, RefusalCode: hostile, Refusal: hostile, Entry: &bankv1.Entry{RecordedAtUnixMs: n.int64}},
		{},
	}
}

func (n lie) report(branch uint32) *bankv1.BranchReport {
	return &bankv1.BranchReport{
		Branch: branch, Address: hostile, Health: bankv1.BranchHealth(branch), HealthForMs: n.int64, Reason: hostile, Behind: n.uint64,
		Balance: n.int64, Available: n.int64, UnreachablePeers: []uint32{0, math.MaxUint32}, State: 99, Epoch: n.uint64, UptimeMs: n.int64,
		Alarms: []string{hostile, strings.Repeat(hostile, 50)}, SpreadP50Us: n.int64, SpreadP99Us: n.int64,
		RoundTrips: []*bankv1.RoundTrip{{Branch: 1, TookUs: n.int64}, {Branch: 1, TookUs: n.int64}, {Branch: math.MaxUint32, TookUs: n.int64}, {Branch: 9, TookUs: n.int64}},
	}
}

func (n lie) sample(at int64) *bankv1.Sample {
	return &bankv1.Sample{UnixMs: at, Balance: n.int64, Entries: n.uint64, SpreadP50Us: n.int64, SpreadP99Us: n.int64}
}

// A branch can say anything about itself, and the others pass it on.
func TestThePageOutlivesLies(t *testing.T) {
	for name, n := range map[string]lie{
		"nothing": {0, 0}, "least": {math.MinInt64, 1}, "most": {math.MaxInt64, math.MaxUint64}, "beyond 2^53": {1<<53 + 1, 1<<53 + 1}, "below": {-1, 1 << 63},
	} {
		t.Run(name, func(t *testing.T) {
			branch, url := tell(t, &bankv1.WatchResponse{
				Complete: true, Branch: 1, Headline: &bankv1.Headline{Text: hostile}, SkippedEntries: n.uint64, Entries: n.entries(),
				Reports: []*bankv1.BranchReport{n.report(1), n.report(2), n.report(3), n.report(7), n.report(math.MaxUint32)},
				Samples: []*bankv1.Sample{n.sample(n.int64)},
			})
			p := open(t, url)
			branch.told <- &bankv1.WatchResponse{
				Samples: []*bankv1.Sample{n.sample(0), n.sample(1_700_000_000_000), n.sample(n.int64)},
				Reports: []*bankv1.BranchReport{n.report(2)},
			}
			p.await(t, `document.querySelectorAll(".entry").length === 7`)
			p.await(t, `document.querySelector('.entry[data-key="4294967295/4"] .entry-customer').textContent.startsWith("a\\u202eb\\u200bc")`)
			eval[bool](t, p, `document.querySelector("#call-account").focus() ?? true`) // asks for the accounts
			p.await(t, `document.querySelector("#account-names option")`)
			p.await(t, `drawn["#chart-balance"]?.length > 0`)
			p.checkNothingHides(t)
			p.wellAndQuiet(t)
		})
	}
}

// checkNothingHides checks that all texts of the page can be seen, and that none of
// them has become HTML.
func (p *page) checkNothingHides(t *testing.T) {
	t.Helper()
	for _, text := range []string{"document.title", "document.body.textContent", `[...document.querySelectorAll("[title]")].map((element) => element.title).join()`} {
		at := text + ".search(" + unseen + ")"
		if eval[int](t, p, at) >= 0 {
			t.Errorf("%s hides a character: %q", text, eval[string](t, p, text+".slice(Math.max(0, "+at+" - 20)).slice(0, 60)"))
		}
	}
	if images := eval[int](t, p, `document.querySelectorAll("img").length`); images != 1 {
		t.Errorf("the page has %d images, want its own alone", images)
	}
}

// liar tells of the life of a request whatever comes to its mind.
type liar struct {
	*teller
	lives chan *bankv1.FollowRequestResponse
}

// FollowRequest implements bankv1connect.BranchServiceHandler.
func (l *liar) FollowRequest(ctx context.Context, _ *bankv1.FollowRequestRequest, stream *connect.ServerStream[bankv1.FollowRequestResponse]) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case life := <-l.lives:
			if err := stream.Send(life); err != nil {
				return err
			}
		}
	}
}

// Deposit implements bankv1connect.BranchServiceHandler.
func (l *liar) Deposit(context.Context, *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return &bankv1.DepositResponse{Receipt: &bankv1.Receipt{Branch: 1, Sequence: 1}}, nil
}

// lives are what liars tell: every step with every branch, at every time, in every order.
func (n lie) lives(branches ...uint32) (all []*bankv1.FollowRequestResponse) {
	for run := range uint32(3) {
		m := &bankv1.FollowRequestResponse{}
		for _, id := range branches {
			b := &bankv1.FollowedBranch{Branch: id, Follows: run == 1, Reason: strings.Repeat(hostile, 50), Run: run * math.MaxUint32}
			for kind := bankv1.RequestStepKind(20); kind >= -2; kind-- {
				for _, peer := range append(branches, 0, 77) {
					b.Steps = append(b.Steps, &bankv1.RequestStep{Kind: kind, Peer: peer, AtUs: n.int64, Code: hostile, Before: run == 2})
				}
			}
			m.Branches = append(m.Branches, b)
		}
		all = append(all, m)
	}
	return all
}

// What branches tell of a request can be anything, too: the page draws something, hides
// nothing in it, and goes on.
func TestTheDrawingOutlivesLies(t *testing.T) {
	for name, n := range map[string]lie{"nothing": {0, 0}, "least": {math.MinInt64, 1}, "most": {math.MaxInt64, math.MaxUint64}} {
		t.Run(name, func(t *testing.T) {
			l := &liar{teller: &teller{told: make(chan *bankv1.WatchResponse, 16)}, lives: make(chan *bankv1.FollowRequestResponse, 16)}
			l.told <- &bankv1.WatchResponse{Complete: true, Branch: 1, Reports: []*bankv1.BranchReport{far(1), far(2), far(3)}}
			for _, life := range n.lives(1, 2, 3, 7, math.MaxUint32) {
				l.lives <- life
			}
			_, handler := bankv1connect.NewBranchServiceHandler(l)
			mux := http.NewServeMux()
			mux.Handle("/", web.Handler())
			mux.Handle("/bank.v1.BranchService/", handler)
			mux.Handle("/branch/1/", http.StripPrefix("/branch/1", handler))
			server := httptest.NewServer(mux)
			t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
			p := open(t, server.URL)
			p.send(t, "answered")
			p.await(t, `document.querySelectorAll(".life-dot").length > 10 && document.querySelector("#life-list").textContent.includes("\\u202e")`)
			p.do(t, chromedp.EmulateViewport(390, 900))
			p.await(t, `Number(document.querySelector("#life").dataset.room) < 390 && [...document.querySelectorAll(".life-head-label")].some((head) => head.textContent.endsWith("others"))`)
			if lines := eval[int](t, p, `document.querySelectorAll("#life-list li").length`); lines > 400 {
				t.Errorf("%d sentences", lines)
			}
			p.checkNothingHides(t)
			p.wellAndQuiet(t)
		})
	}
}
