package main

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// farBench returns a bench that has measured nothing.
func farBench(t *testing.T) *bench {
	return &bench{options: options{runs: 1, quick: true, duration: 20 * time.Millisecond}, errOut: t.Output()}
}

// madeUp are figures of each contender at each site.
func madeUp(throughput map[string]float64) map[string]measures {
	m := map[string]measures{}
	for name, v := range throughput {
		m[name] = measures{perSecond: {v}}
		for site := range sites {
			m[name][at(p50, site)] = figure{1e6 / v}
		}
	}
	return m
}

// madeUpPeers are peers that do nothing.
func madeUpPeers() (a, b *farPeer) {
	fine := func(context.Context) error { return nil }
	return &farPeer{name: "etcd", check: fine, hotRun: etcdHotRun, colour: amber}, &farPeer{name: "PostgreSQL", check: fine, colour: slate}
}

// madeUpLoad are figures of all levels, and of the peers.
func madeUpLoad() map[string]measures {
	return madeUp(map[string]float64{
		"Passbook, LOCAL": 3300, "Passbook, NEAREST": 290, "Passbook, MAJORITY": 280, "Passbook, REACHABLE": 150,
		"etcd": 100, "PostgreSQL": 200,
	})
}

func TestTheGoalIsAboutTheBetterPeer(t *testing.T) {
	etcd, postgres := madeUpPeers()
	s := &farSet{b: farBench(t), distance: farDistances[0], peers: []*farPeer{etcd, postgres}}
	load := farLoads[1]
	s.tellLoad(load, madeUpLoad(), s.notes(t.Context(), load))
	var asked []string
	for _, r := range s.b.rows {
		if r.Bound != nil {
			asked = append(asked, strings.Join([]string{r.Subject, r.Reference, figure{r.compared()}.String(), r.Bound.String(), verdict(&r)}, " | "))
		}
	}
	want := []string{
		"Passbook, LOCAL | the better peer: PostgreSQL | 16.5 | ≥ 16.0 | met",
		"Passbook, NEAREST | the better peer: PostgreSQL | 1.45 | ≥ 1.50 | not met",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("got %q, want %q", asked, want)
	}
	beside := slices.IndexFunc(s.b.rows, func(r row) bool { return r.Subject == "Passbook, REACHABLE" && r.Reference == "etcd" })
	if beside < 0 || s.b.rows[beside].compared() != 1.5 {
		t.Errorf("no row has REACHABLE beside etcd, with 1.5 times as much: %v", s.b.rows)
	}
}

func TestWithoutPeersTheGoalIsNotMeasured(t *testing.T) {
	s := &farSet{b: farBench(t), distance: farDistances[0]}
	m := madeUpLoad()
	delete(m, "etcd")
	delete(m, "PostgreSQL")
	s.tellLoad(farLoads[1], m, nil)
	if r := s.b.rows[0]; r.Bound == nil || verdict(&r) != "not measured" {
		t.Errorf("got %+v, want that it is not measured", r)
	}
	if r := s.b.rows[0]; r.Figure.median() != 3300 {
		t.Errorf("got %v, want what Passbook has", r.Figure)
	}
}

func TestNotesOnPeers(t *testing.T) {
	etcd, postgres := madeUpPeers()
	postgres.check = func(context.Context) error { return errors.New("no standby") }
	s := &farSet{b: farBench(t), peers: []*farPeer{etcd, postgres}}
	s.b.options.quick = false
	if got, want := s.notes(t.Context(), farLoads[0])[etcd], "the reference: one run of 20s"; got != want {
		t.Errorf("an account used everywhere: got %q, want %q", got, want)
	}
	notes := s.notes(t.Context(), farLoads[1])
	if notes[etcd] != "" || notes[postgres] != "no standby" {
		t.Errorf("got %q and %q, want nothing and what is wrong with the standby", notes[etcd], notes[postgres])
	}
}

func TestALoadOfOneAccountHasLongRuns(t *testing.T) {
	etcd, _ := madeUpPeers()
	o := options{duration: time.Second}
	if got := o.hotRun(etcd.hotRun); got != etcdHotRun {
		t.Errorf("got %v, want %v", got, etcdHotRun)
	}
	o.duration = time.Minute
	if got := o.hotRun(etcd.hotRun); got != time.Minute {
		t.Errorf("with --duration 1m: got %v", got)
	}
	o.quick = true
	if got := o.hotRun(etcd.hotRun); got != o.duration {
		t.Errorf("with --quick: got %v, want %v", got, o.duration)
	}
}

func TestCallersOfAPeer(t *testing.T) {
	type change struct {
		site, caller int
		account      string
		amount       int64
	}
	var changes []change
	ids := map[string]bool{}
	p := &farPeer{change: func(_ context.Context, site, caller int, id, account string, amount int64) (bool, error) {
		changes = append(changes, change{site, caller, account, amount})
		ids[id] = true
		return account != "empty", nil
	}}
	account := "full"
	calls := p.callers(2, func(int, *rand.Rand) string { return account })
	for site := range sites {
		for _, c := range calls[site] {
			for range 20 {
				if n, err := c(t.Context()); n != 1 || err != nil {
					t.Fatalf("got %d, %v", n, err)
				}
			}
		}
	}
	if len(changes) != sites*2*20 || len(ids) != len(changes) {
		t.Errorf("got %d changes with %d request ids", len(changes), len(ids))
	}
	for i, c := range changes {
		if c.site != i/40 || c.caller != i/20%2 || c.amount*c.amount != 1 {
			t.Errorf("change %d: %+v", i, c)
		}
	}
	for _, amount := range []int64{1, -1} {
		if !slices.ContainsFunc(changes, func(c change) bool { return c.amount == amount }) {
			t.Errorf("nobody changed anything by %d", amount)
		}
	}
	account = "empty"
	if _, err := calls[0][0](t.Context()); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("what the account does not cover: got error %v", err)
	}
}

// TestASiteThatNobodyAnswers has a call at one site take longer than the run.
func TestASiteThatNobodyAnswers(t *testing.T) { synctest.Test(t, testSilentSite) }

func testSilentSite(t *testing.T) {
	const duration = 50 * time.Millisecond
	var calls siteCalls
	calls[0] = []call{func(context.Context) (int, error) {
		time.Sleep(duration / 50)
		return 1, nil
	}}
	calls[1] = []call{func(context.Context) (int, error) {
		time.Sleep(2 * duration)
		return 1, nil
	}}
	r, err := eachSiteFor("test", calls, 0, duration).run(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if !(r[at(p50, 0)] > 0) || !(r[at(perSecond, 0)] > 0) || r[perSecond] != r[at(perSecond, 0)] {
		t.Errorf("at site 1: got %v", r)
	}
	for _, q := range []string{at(p50, 1), at(p99, 1)} {
		if v, ok := r[q]; !ok || !math.IsNaN(v) {
			t.Errorf("%s: got %v, want NaN", q, v)
		}
	}
	if got := r[at(perSecond, 1)]; got != 0 {
		t.Errorf("operations/s at site 2: got %v, want 0", got)
	}
	if _, ok := r[at(p50, 2)]; ok {
		t.Error("a site without callers has a latency")
	}
}

func TestAnErrorNamesItsSite(t *testing.T) {
	broken := errors.New("broken")
	var calls siteCalls
	calls[1] = []call{func(context.Context) (int, error) { return 0, broken }}
	_, err := eachSiteFor("test", calls, 0, time.Millisecond).run(t.Context(), 0)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "site 2") {
		t.Errorf("got error %v, want that of site 2", err)
	}
}

func TestBeside(t *testing.T) {
	broken := errors.New("broken")
	one := contender{"one", func(context.Context, int) (reading, error) { return reading{perSecond: 1}, nil }}
	two := contender{"two", func(context.Context, int) (reading, error) { return reading{perSecond: 2}, nil }}
	fails := contender{"three", func(context.Context, int) (reading, error) { return nil, broken }}
	r, of, err := beside(t.Context(), 0, one, two)
	if err != nil || r[perSecond] != 1 || of[perSecond] != 2 {
		t.Errorf("got %v, %v, %v", r, of, err)
	}
	if _, _, err := beside(t.Context(), 0, one, fails); !errors.Is(err, broken) || !strings.Contains(err.Error(), "three") {
		t.Errorf("the other one fails: got error %v", err)
	}
	if _, _, err := beside(t.Context(), 0, fails, two); !errors.Is(err, broken) {
		t.Errorf("the contender fails: got error %v", err)
	}
}

func TestAccountsAtHome(t *testing.T) {
	strays, home := 0, strings.TrimSuffix(homeAccount(1, 0), "0")
	random := randomOf(1, 0)
	for range 2000 {
		if account := atHome(1, random); !strings.HasPrefix(account, home) {
			t.Fatalf("at home at site 2: got %s", account)
		}
		if !strings.HasPrefix(mostlyAtHome(1, random), home) {
			strays++
		}
	}
	if want := 2000 / strayEvery; strays < want/2 || strays > 2*want {
		t.Errorf("got %d accounts of other sites in 2000, want about %d", strays, want)
	}
}

func TestWhatIsAskedOfALatency(t *testing.T) {
	d := farDistances[0] // 40, 80 and 90 ms
	for _, tt := range []struct {
		level bankv1.Acknowledge
		site  int
		want  time.Duration
	}{
		{bankv1.Acknowledge_ACKNOWLEDGE_LOCAL, 2, 2 * time.Millisecond},
		{bankv1.Acknowledge_ACKNOWLEDGE_NEAREST, 1, 43 * time.Millisecond},
		{bankv1.Acknowledge_ACKNOWLEDGE_NEAREST, 2, 83 * time.Millisecond},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, 0, 85 * time.Millisecond},
		{bankv1.Acknowledge_ACKNOWLEDGE_REACHABLE, 2, 95 * time.Millisecond},
	} {
		if got := d.most(tt.level, tt.site); got != tt.want {
			t.Errorf("%s at site %d: got %v, want %v", levelName(tt.level), tt.site+1, got, tt.want)
		}
	}
}

// TestHowLongItTakes keeps the goal within a time that somebody waits for.
func TestHowLongItTakes(t *testing.T) {
	for args, most := range map[string]time.Duration{"": farBudget, "--quick": 2 * time.Minute} {
		o, err := parse(strings.Fields(args), t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if got := farLasts(&o); got > most {
			t.Errorf("%q: it takes %v, more than %v", args, got, most)
		}
	}
}
