package fault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// roundTripper answers calls to other branches.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) Do(req *http.Request) (*http.Response, error) { return f(req) }

// whole returns a breaker that can't kill its branch.
func whole(t *testing.T) *fault.Breaker {
	return fault.New(1, func(err error) { t.Errorf("it is ended: %v", err) })
}

func apply(t *testing.T, b *fault.Breaker, actions ...fault.Action) {
	t.Helper()
	for _, a := range actions {
		if err := b.Apply(a); err != nil {
			t.Fatalf("%s: %v", a, err)
		}
	}
}

// ask makes a call to another branch, as long as it takes.
func ask(b *fault.Breaker, path string) error {
	client := b.Client(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{Body: http.NoBody}, nil
	}))
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://peer"+path, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err == nil {
		_ = res.Body.Close()
	}
	return err
}

// A cut ends what branches ask of each other, and nothing else.
func TestACutPartsBranches(t *testing.T) {
	const claim, watch = bankv1connect.PeerServiceClaimProcedure, bankv1connect.BranchServiceWatchProcedure
	tests := map[string]struct {
		actions        []fault.Action
		claims, serves bool
	}{
		"whole":     {nil, true, true},
		"cut":       {[]fault.Action{fault.Cut}, false, false},
		"cut twice": {[]fault.Action{fault.Cut, fault.Cut}, false, false},
		"healed":    {[]fault.Action{fault.Cut, fault.Heal}, true, true},
		"only heal": {[]fault.Action{fault.Heal}, true, true},
	}
	for name, test := range tests {
		b := whole(t)
		apply(t, b, test.actions...)
		if err := ask(b, claim); (err == nil) != test.claims {
			t.Errorf("%s: a claim: %v", name, err)
		}
		if err := ask(b, watch); err != nil {
			t.Errorf("%s: a watch: %v", name, err)
		}
		served := func(path string) bool {
			w := httptest.NewRecorder()
			b.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).
				ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
			return w.Code == http.StatusNoContent
		}
		if served(claim) != test.serves || !served(watch) {
			t.Errorf("%s: a peer is served: %v, a customer: %v", name, served(claim), served(watch))
		}
	}
}

// Nobody passes a branch that is paused, until it goes on or ends.
func TestAPauseStopsWhoeverPasses(t *testing.T) {
	ends := map[string]func(*testing.T, *fault.Breaker){
		"it is resumed": func(t *testing.T, b *fault.Breaker) { apply(t, b, fault.Resume) },
		"it ends":       func(_ *testing.T, b *fault.Breaker) { b.Lift() },
	}
	for name, end := range ends {
		synctest.Test(t, func(t *testing.T) {
			b := whole(t)
			apply(t, b, fault.Pause, fault.Pause)
			passed := make(chan error, 3)
			go func() { b.Pass(); passed <- nil }()
			go func() { passed <- b.PassUntil(t.Context()) }()
			go func() { passed <- ask(b, bankv1connect.PeerServiceClaimProcedure) }()
			gone, leave := context.WithCancel(t.Context())
			leave()
			if err := b.PassUntil(gone); !errors.Is(err, context.Canceled) {
				t.Errorf("one who gives up: %v", err)
			}
			synctest.Wait()
			if n := len(passed); n > 0 {
				t.Errorf("%d have passed", n)
			}
			end(t, b)
			for range 3 {
				if err := <-passed; err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// A branch that ends is not paused again.
func TestABranchThatEndsIsNotPaused(t *testing.T) {
	b := whole(t)
	b.Lift()
	apply(t, b, fault.Pause)
	b.Pass()
}

func TestKillEndsTheBranch(t *testing.T) {
	var why error
	b := fault.New(1, func(err error) { why = err })
	apply(t, b, fault.Pause, fault.Kill)
	if !errors.Is(why, fault.ErrKilled) {
		t.Errorf("ended with %v", why)
	}
	var refused *fault.Error
	if err := b.Apply(fault.Restart); !errors.As(err, &refused) {
		t.Errorf("a restart: %v", err)
	}
}
