package token

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However many tokens come, few are remembered, and those that are used stay.
func TestTheCacheIsBounded(t *testing.T) {
	set := new(keys)
	c := cache{most: 10}
	sum := func(i int) [sha256.Size]byte { return sha256.Sum256([]byte{byte(i), byte(i >> 8)}) }
	now := time.Now()
	used := &checked{by: set, until: now.Add(time.Hour)}
	c.add(sum(0), used)
	for i := 1; i <= 1000; i++ {
		c.add(sum(i), &checked{by: set, until: now.Add(time.Hour)})
		if c.find(sum(0), set, now) != used {
			t.Fatalf("a token that is used all the time is forgotten after %d others", i)
		}
		if n := len(c.younger) + len(c.older); n > 20 {
			t.Fatalf("%d tokens are remembered, want 20 at most", n)
		}
	}
	if c.find(sum(1), set, now) != nil {
		t.Error("a token that was not used is remembered after 999 others")
	}
	if c.find(sum(0), new(keys), now) != nil {
		t.Error("a token counts though there are other keys")
	}
}

// silence is an issuer that takes connections and says nothing.
type silence struct{}

func (silence) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// An issuer that does not answer keeps calls waiting for 5 seconds, and few of them;
// others are refused at once. Closing ends the wait.
func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := newIssuer(Config{Issuer: "https://issuer", Logger: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		s.fetch.client.Transport = silence{}
		began := time.Now()
		var waiters sync.WaitGroup
		for range maxWaiters {
			waiters.Go(func() {
				if _, err := s.current(); !errors.Is(err, ErrNoKeys) || time.Since(began) != fetchTimeout {
					t.Errorf("after %v: %v, want ErrNoKeys after %v", time.Since(began), err, fetchTimeout)
				}
			})
		}
		synctest.Wait()
		if _, err := s.current(); !errors.Is(err, ErrNoKeys) || time.Since(began) != 0 {
			t.Errorf("one more waits for %v: %v", time.Since(began), err)
		}
		waiters.Wait()
		time.Sleep(minPause)
		began = time.Now()
		waiters.Go(func() { _, _ = s.current() })
		synctest.Wait()
		s.close()
		waiters.Wait()
		if time.Since(began) != 0 {
			t.Errorf("a call waits for %v after the end", time.Since(began))
		}
	})
}
