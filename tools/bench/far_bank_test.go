package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"

	bankv1 "passbook.example/passbook/gen/bank/v1"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// fakeBank answers for the branches of all sites, at once, and notes what it is asked.
type fakeBank struct {
	mu    sync.Mutex
	calls []fakeCall
	// answer, if not nil, says how to answer a call.
	answer func(fakeCall) (unreachable []uint32, err error)
}

// fakeCall is what a branch is asked.
type fakeCall struct {
	kind    string
	site    int
	account string
	amount  int64
	level   bankv1.Acknowledge
}

func (k *fakeBank) take(c fakeCall) ([]uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, c)
	if k.answer == nil {
		return nil, nil
	}
	return k.answer(c)
}

// fakeBranch is one of its branches.
type fakeBranch struct {
	bankv1connect.UnimplementedBranchServiceHandler
	bank *fakeBank
	site int
}

// Deposit implements BranchServiceHandler.
func (b fakeBranch) Deposit(_ context.Context, q *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	far, err := b.bank.take(fakeCall{"deposit", b.site, q.GetAccount(), q.GetAmount(), q.GetAcknowledge()})
	return &bankv1.DepositResponse{UnreachableBranches: far}, err
}

// Withdraw implements BranchServiceHandler.
func (b fakeBranch) Withdraw(_ context.Context, q *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	far, err := b.bank.take(fakeCall{"withdrawal", b.site, q.GetAccount(), q.GetAmount(), q.GetAcknowledge()})
	return &bankv1.WithdrawResponse{UnreachableBranches: far}, err
}

// Query implements BranchServiceHandler.
func (b fakeBranch) Query(_ context.Context, q *bankv1.QueryRequest) (*bankv1.QueryResponse, error) {
	_, err := b.bank.take(fakeCall{kind: "query", site: b.site, account: q.GetAccount()})
	return &bankv1.QueryResponse{}, err
}

// GetStatus implements BranchServiceHandler: all have applied the same.
func (b fakeBranch) GetStatus(context.Context, *bankv1.GetStatusRequest) (*bankv1.GetStatusResponse, error) {
	return &bankv1.GetStatusResponse{}, nil
}

// Submit implements BranchServiceHandler.
func (b fakeBranch) Submit(_ context.Context, stream *connect.BidiStream[bankv1.SubmitRequest, bankv1.SubmitResponse]) error {
	for {
		q, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := b.bank.take(fakeCall{"list", b.site, q.GetAccounts()[0], int64(len(q.GetTo())), q.GetAcknowledge()}); err != nil {
			return err
		}
		if err := stream.Send(&bankv1.SubmitResponse{RequestId: q.GetRequestId()}); err != nil {
			return err
		}
	}
}

// fakeSet returns a farSet whose bank is a fakeBank.
func fakeSet(t *testing.T) (*farSet, *fakeBank) {
	base, err := findPorts(sites + 1)
	if err != nil {
		t.Fatal(err)
	}
	d := newDistance(2, 4, 6)
	b, fake := farBench(t), &fakeBank{}
	s := &farSet{b: b, distance: d, roads: newRoads(d), transport: customerTransport(true)}
	s.bank = &bank{bankSpec: bankSpec{name: "fake", branches: sites}, b: b, base: base, transport: s.transport}
	t.Cleanup(s.roads.close)
	t.Cleanup(s.transport.CloseIdleConnections)
	for site := range sites {
		mux := http.NewServeMux()
		mux.Handle(bankv1connect.NewBranchServiceHandler(fakeBranch{bank: fake, site: site}))
		l, err := net.Listen("tcp", s.bank.address(site+1))
		if err != nil {
			t.Fatal(err)
		}
		server := bareServer(mux)
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	return s, fake
}

// of returns the calls of a kind.
func (k *fakeBank) of(kind string) (all []fakeCall) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.calls {
		if c.kind == kind {
			all = append(all, c)
		}
	}
	return all
}

// figures returns the figure of each row, by what it is of and its subject.
func (b *bench) figures() map[string]row {
	all := map[string]row{}
	for _, r := range b.rows {
		all[r.What+" | "+r.Subject] = r
	}
	return all
}

func TestFill(t *testing.T) {
	s, fake := fakeSet(t)
	if err := s.fill(t.Context()); err != nil {
		t.Fatal(err)
	}
	paid := map[string]int{}
	for _, c := range fake.of("deposit") {
		paid[c.account]++
		home := strings.TrimSuffix(homeAccount(c.site, 0), "0")
		if c.amount != farFloat || c.account != hotAccount && !strings.HasPrefix(c.account, home) {
			t.Errorf("got %+v, want %d for an account of that site", c, farFloat)
		}
	}
	if len(paid) != sites*homeAccounts+1 || paid[hotAccount] != sites {
		t.Errorf("got %d accounts, of which the hot one was paid into %d times", len(paid), paid[hotAccount])
	}
}

func TestWritesBesidePeers(t *testing.T) {
	s, fake := fakeSet(t)
	etcd, postgres := madeUpPeers()
	for _, p := range []*farPeer{etcd, postgres} {
		p.change = func(context.Context, int, int, string, string, int64) (bool, error) { return true, nil }
		s.peers = append(s.peers, p)
	}
	s.b.options.runs = 2
	for _, load := range farLoads {
		m, err := s.measureLoad(t.Context(), load)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range s.contenders() {
			want := 2
			if load.hot && name == etcd.name {
				want = 1 // its runs are long
			}
			if got := len(m[name][perSecond]); got != want {
				t.Errorf("%s, %s: got %d runs, want %d", load.what, name, got, want)
			}
		}
	}
	asked := map[bankv1.Acknowledge]bool{}
	for _, c := range append(fake.of("deposit"), fake.of("withdrawal")...) {
		asked[c.level] = true
	}
	if len(asked) != len(levels) {
		t.Errorf("got levels %v, want all of %v", asked, levels)
	}
	s.b.options.runs, s.b.options.charts = 1, t.TempDir()
	if err := s.together(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, s.b.options.charts, "throughput-2-4-6-ms.svg")
	// A row for each level and peer, and one for each contender and site.
	if got, want := len(s.b.rows), len(farLoads)*(len(levels)*len(s.peers)+len(s.contenders())*sites); got != want {
		t.Errorf("all at once: got %d rows, want %d", got, want)
	}
	s.b.rows = nil
	if err := s.alone(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := len(s.b.rows), sites*len(s.contenders()); got != want {
		t.Errorf("one caller a site: got %d rows, want %d", got, want)
	}
}

// TestAWriteThatIsNotEverywhere checks what counts at REACHABLE.
func TestAWriteThatIsNotEverywhere(t *testing.T) {
	s, fake := fakeSet(t)
	fake.answer = func(fakeCall) ([]uint32, error) { return []uint32{3}, nil }
	for level, want := range map[bankv1.Acknowledge]int{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE: 0, bankv1.Acknowledge_ACKNOWLEDGE_NEAREST: 1} {
		if got, err := s.callers(1, level, atHome)[0][0](t.Context()); got != want || err != nil {
			t.Errorf("%s: got %d operations, %v, want %d", levelName(level), got, err, want)
		}
	}
}

// TestClaims checks that each account is used once, and covered by its holders alone.
func TestClaims(t *testing.T) {
	s, fake := fakeSet(t)
	if err := s.claims(t.Context()); err != nil {
		t.Fatal(err)
	}
	paid := map[string]map[int]int64{}
	for _, c := range fake.of("deposit") {
		if paid[c.account] == nil {
			paid[c.account] = map[int]int64{}
		}
		paid[c.account][c.site] += c.amount
	}
	taken, two := map[string]bool{}, 0
	for _, c := range fake.of("withdrawal") {
		if taken[c.account] {
			t.Errorf("account %s is used again", c.account)
		}
		taken[c.account] = true
		holders := paid[c.account]
		if len(holders) == 2 {
			two++
		}
		if len(holders) == 0 || holders[c.site] > 0 {
			t.Errorf("%s, asked for at site %d: paid in at %v", c.account, c.site+1, holders)
		}
		for holder, amount := range holders {
			if amount < c.amount {
				t.Errorf("%s: site %d has %d, less than %d", c.account, holder+1, amount, c.amount)
			}
			if len(holders) == 2 && amount == claimPaid && s.distance.trips[c.site][holder] != s.distance.nearest(c.site) {
				t.Errorf("%s: the poorer site, %d, is not the nearest of site %d", c.account, holder+1, c.site+1)
			}
		}
	}
	if len(taken) != len(paid) || len(taken) != 3*two || two != sites*s.b.options.claimsEach() {
		t.Errorf("got %d accounts paid into, %d taken from, of which %d at two sites", len(paid), len(taken), two)
	}
	rows := s.b.figures()
	for what, want := range map[string]string{
		"p50 µs of a claim from site 1 to site 2":                             "≤ 7,000", // 2 ms + 5 ms
		"p50 µs of a claim from site 2 to site 3":                             "≤ 11,000",
		"p50 µs of a claim from site 3; site 1 has enough, site 2 twice that": "≤ 9,000",
	} {
		if r := rows[what+" | "+claiming]; len(r.Figure) != 1 || r.Bound.String() != want {
			t.Errorf("%s: got %v, asked %v, want %s", what, r.Figure, r.Bound, want)
		}
	}
}

func TestQueriesThatFailAreCounted(t *testing.T) {
	s, fake := fakeSet(t)
	fake.answer = func(c fakeCall) ([]uint32, error) {
		if c.kind == "query" && c.site == 1 {
			return nil, connect.NewError(connect.CodeUnavailable, errors.New("out of reach"))
		}
		return nil, nil
	}
	if err := s.queries(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := s.b.figures()
	for _, load := range queryLoads {
		for site := range sites {
			for _, q := range []string{p50, p99} {
				r := rows[at(q, site)+", "+load.String()+" | "+strongQueries]
				if len(r.Figure) != 1 || r.Note == "" {
					t.Errorf("%s at site %d, %s: got %v and the note %q", q, site+1, load, r.Figure, r.Note)
				}
			}
		}
	}
	if got, want := rows["p50 µs at site 3, nobody writes | "+strongQueries].Bound.String(), "≤ 17,000"; got != want { // 2 × 6 ms + 5 ms
		t.Errorf("asked at site 3: got %s, want %s", got, want)
	}
}

func TestListsBesideSingleWrites(t *testing.T) {
	s, fake := fakeSet(t)
	if err := s.lists(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range fake.of("list") {
		if c.site != 0 || c.amount != list || c.level != bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE {
			t.Fatalf("got %+v, want a list of %d at site 1", c, list)
		}
	}
	for what, r := range s.b.figures() {
		if len(r.Figure) != 1 || r.Reference != "" && len(r.ReferenceFigure) != 1 {
			t.Errorf("%s: got %v beside %v", what, r.Figure, r.ReferenceFigure)
		}
	}
	if got, want := len(s.b.rows), 2*sites+2; got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
}

func TestAVeryFarBankMustSucceed(t *testing.T) {
	s, fake := fakeSet(t)
	fake.answer = func(c fakeCall) ([]uint32, error) {
		switch {
		case c.kind == "query" && c.site == 1:
			return nil, connect.NewError(connect.CodeUnavailable, errors.New("out of reach"))
		case c.kind == "deposit" && c.site == 2:
			return []uint32{1}, nil
		}
		return nil, nil
	}
	if err := s.slow(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := s.b.figures()
	for what, want := range map[string]float64{
		"a deposit at LOCAL": 1, "a deposit at REACHABLE": 2.0 / 3, "a withdrawal at LOCAL, with a claim": 1, "a strong query": 2.0 / 3,
	} {
		if got := rows[succeeded+", "+what+" | Passbook"].Figure.median(); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	for _, c := range fake.of("withdrawal") {
		var paid int64
		for _, d := range fake.of("deposit") {
			if d.account == c.account {
				if paid += d.amount; d.site == c.site {
					t.Errorf("%s was paid in where it is asked for", c.account)
				}
			}
		}
		if c.amount >= paid || c.amount <= paid/2 {
			t.Errorf("%s: %d of %d is not nearly all", c.account, c.amount, paid)
		}
	}
}

// checkFiles checks which files are in a folder.
func checkFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got files %q, want %q", got, want)
	}
}

// TestACut checks that the roads are cut and then mended, and what is told.
func TestACut(t *testing.T) {
	s, fake := fakeSet(t)
	if _, err := s.roads.lead(0, cutSite, echoServer(t)); err != nil {
		t.Fatal(err)
	}
	calls := map[bool]int{}
	fake.answer = func(fakeCall) ([]uint32, error) {
		calls[s.roads.all[0].isCut()]++
		return nil, nil
	}
	s.b.options.charts = t.TempDir()
	if err := s.cutAsPlanned(t.Context(), cutPlan{before: cutBin, cut: cutBin, after: cutBin, mended: cutBin}); err != nil {
		t.Fatal(err)
	}
	if calls[true] == 0 || calls[false] == 0 || s.roads.all[0].isCut() {
		t.Errorf("got %d calls while the roads were cut and %d otherwise; they are cut in the end: %t", calls[true], calls[false], s.roads.all[0].isCut())
	}
	checkFiles(t, s.b.options.charts, "cut-local-2-4-6-ms.svg", "cut-reachable-2-4-6-ms.svg")
	asked := 0
	for what, r := range s.b.figures() {
		if len(r.Figure) != 1 {
			t.Errorf("%s: got %v", what, r.Figure)
		}
		if r.Bound != nil {
			asked++
		}
	}
	if len(s.b.rows) != 3+3+1 || asked != len(cutLevels) {
		t.Errorf("got %d rows with %d bounds, want 7 with 2", len(s.b.rows), asked)
	}
}
