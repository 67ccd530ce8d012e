package branch

import (
	"net/http"
	"sync"

	"passbook.example/passbook/branch/api"
)

// tasks are the goroutines that a branch waits for before it closes its
// journal: its own, and those of the calls it serves.
type tasks struct {
	mu    sync.Mutex
	shut  bool
	group sync.WaitGroup
}

// start runs f. It reports false, and f does not run, once wait was called.
func (t *tasks) start(f func()) bool {
	if !t.enter() {
		return false
	}
	go func() {
		defer t.group.Done()
		f()
	}()
	return true
}

// enter counts one more task, unless wait was called.
func (t *tasks) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shut {
		t.group.Add(1)
	}
	return !t.shut
}

// wait lets no more begin and waits for those that have.
func (t *tasks) wait() {
	t.mu.Lock()
	t.shut = true
	t.mu.Unlock()
	t.group.Wait()
}

// handler counts the calls that h serves among the tasks.
func (t *tasks) handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !t.enter() {
			http.Error(w, api.ErrStopping.Error(), http.StatusServiceUnavailable)
			return
		}
		defer t.group.Done()
		growStack(0)
		h.ServeHTTP(w, req)
	})
}

// growStack has the goroutine's stack grow to what a call needs in one step,
// while there is next to nothing on it that must be copied: a goroutine for each
// call of HTTP/2 would else grow it twice in the middle of the work. A call that
// waits for its write uses some 7 KiB.
//
//go:noinline
func growStack(i int) byte {
	var room [12 << 10]byte
	return room[i]
}
