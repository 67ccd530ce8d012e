package token

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// When an issuer's keys are fetched.
const (
	// refreshAfter is how old they may be before they are fetched again. A key that the
	// issuer has taken back counts for that long.
	refreshAfter = 10 * time.Minute
	// minPause is the least time between two attempts, whatever tokens come: somebody who
	// makes up names of keys is no reason to ask the issuer.
	minPause = 10 * time.Second
	// staleAfter is for how long they count while the issuer can't be reached.
	staleAfter = 24 * time.Hour
	// maxWaiters bounds the calls that wait for an attempt.
	maxWaiters = 64
)

// issuer is a source of keys: an OpenID provider.
type issuer struct {
	fetch  *fetcher
	logger *slog.Logger
	now    func() time.Time
	// life ends with close, and fetches has the goroutine that fetches.
	life    context.Context
	end     context.CancelFunc
	fetches sync.WaitGroup

	mu sync.Mutex
	// set has the keys; nil before the issuer has been reached.
	set *keys
	// fetched is when the last attempt succeeded, and tried when the last one began.
	fetched, tried time.Time
	// pending is closed when the attempt that is under way ends; nil if none is.
	pending chan struct{}
	// waiters counts the calls that wait for it.
	waiters int
	// down says that the last attempt failed, which was logged.
	down bool
}

// openIssuer begins to fetch the keys of an issuer.
func openIssuer(cfg Config) (*issuer, error) {
	s, err := newIssuer(cfg)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(s.now())
	return s, nil
}

// newIssuer returns one that fetches keys with the first token.
func newIssuer(cfg Config) (*issuer, error) {
	fetch, err := newFetcher(cfg.Issuer, cfg.Roots)
	if err != nil {
		return nil, err
	}
	s := &issuer{fetch: fetch, logger: cfg.Logger, now: cfg.Now}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

func (s *issuer) close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.fetches.Wait()
}

// current implements source. It waits only where there are no keys that count.
func (s *issuer) current() (*keys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.set == nil || now.Sub(s.fetched) >= refreshAfter {
		s.begin(now)
	}
	if !s.counts(now) && (!s.wait() || !s.counts(s.now())) {
		return nil, ErrNoKeys
	}
	return s.set, nil
}

// counts reports whether there are keys that are not too old.
func (s *issuer) counts(now time.Time) bool {
	return s.set != nil && now.Sub(s.fetched) < staleAfter
}

// newer implements source.
func (s *issuer) newer(than *keys) *keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == than {
		s.begin(s.now())
		s.wait()
	}
	return s.set
}

// begin begins an attempt, if none is under way and the last one is long enough ago.
func (s *issuer) begin(now time.Time) {
	recent := !s.tried.IsZero() && now.Sub(s.tried) < minPause && !now.Before(s.tried)
	if s.pending != nil || recent || s.life.Err() != nil {
		return
	}
	s.tried, s.pending = now, make(chan struct{})
	s.fetches.Go(s.attempt)
}

// wait waits for the attempt that is under way, which ends in time. It reports false if
// too many wait already.
func (s *issuer) wait() bool {
	pending := s.pending
	if pending == nil {
		return true
	}
	if s.waiters >= maxWaiters {
		return false
	}
	s.waiters++
	s.mu.Unlock()
	<-pending
	s.mu.Lock()
	s.waiters--
	return true
}

// attempt fetches the keys once.
func (s *issuer) attempt() {
	set, skipped, err := s.fetch.keys(s.life)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.pending)
	s.pending = nil
	switch {
	case s.life.Err() != nil:
	case err != nil:
		if !s.down {
			s.logger.Error("the keys of the tokens' issuer can't be fetched; tokens are checked with those before, if there are any", "issuer", s.fetch.issuer, "error", err)
		}
		s.down = true
	default:
		s.take(set, skipped)
	}
}

// take takes keys up that were fetched.
func (s *issuer) take(set *keys, skipped []string) {
	s.fetched = s.now()
	if s.set == nil || string(set.text) != string(s.set.text) {
		s.set = set
		s.logger.Info("the keys of the tokens' issuer were taken up", "issuer", s.fetch.issuer, "keys", len(set.all))
		if len(skipped) > 0 {
			s.logger.Warn("some of the issuer's keys can't be used", "issuer", s.fetch.issuer, "why", skipped)
		}
	} else if s.down {
		s.logger.Info("the tokens' issuer can be reached again", "issuer", s.fetch.issuer)
	}
	s.down = false
}
