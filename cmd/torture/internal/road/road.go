package road

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// road is the proxy by which one branch calls another. What it carries there
// goes by the way there, and the answers go by the way back.
type road struct {
	// listener takes the connections, to is where they lead.
	listener net.Listener
	to       string
	// there is the way to the other branch, back the way of its answers.
	there, back *way
	// tasks are its goroutines, which close waits for.
	tasks sync.WaitGroup

	// mu guards rides.
	mu sync.Mutex
	// rides are the connections that are open.
	rides map[*ride]bool
}

// ride is one connection on a road.
type ride struct {
	// near is the connection that was made, far the one that it leads to.
	near, far net.Conn
	// breaking says that the connection breaks once left bytes more, of both
	// sides, are through.
	breaking atomic.Bool
	// left is how many bytes may still pass.
	left atomic.Int64
	// done is closed, by once, when the ride ends.
	done chan struct{}
	once sync.Once
}

// openRoad listens at one address and leads to another.
func openRoad(from, to string, there, back *way) (*road, error) {
	l, err := net.Listen("tcp", from)
	if err != nil {
		return nil, err
	}
	r := &road{listener: l, to: to, there: there, back: back, rides: map[*ride]bool{}}
	r.tasks.Go(r.accept)
	return r, nil
}

// close ends the road and waits for all it carries.
func (r *road) close() {
	_ = r.listener.Close() // accept ends by it
	r.dropAll()
	r.tasks.Wait()
}

func (r *road) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		k := &ride{near: near, done: make(chan struct{})}
		r.mu.Lock()
		r.rides[k] = true
		r.mu.Unlock()
		r.tasks.Go(func() {
			r.carry(k)
			r.mu.Lock()
			delete(r.rides, k)
			r.mu.Unlock()
		})
	}
}

// carry joins a connection with one to where the road leads, until either ends.
func (r *road) carry(k *ride) {
	defer func() { _ = k.near.Close() }() // the ride is over
	defer k.end()
	if !r.there.open(k.done) {
		return
	}
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		k.reset() // as if nobody had answered the call
		return
	}
	defer func() { _ = far.Close() }() // as above
	k.far = far
	var both sync.WaitGroup
	both.Go(func() { k.pump(far, k.near, r.there) })
	both.Go(func() { k.pump(k.near, far, r.back) })
	// A side that waits to read is woken by the end of the ride.
	both.Go(func() {
		<-k.done
		_, _ = k.near.Close(), far.Close()
	})
	both.Wait()
}

// piece is what was sent at once, and when it may arrive.
type piece struct {
	// bytes is what was sent, due when it may arrive.
	bytes []byte
	due   time.Time
}

// maxUnderWay bounds the pieces under way at once in one direction.
const maxUnderWay = 64

// pump carries what src sends to dst, until one of them ends.
func (k *ride) pump(dst, src net.Conn, w *way) {
	defer k.end()
	pieces := make(chan piece, maxUnderWay)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pieces)
		k.take(src, w, pieces)
	})
	for p := range pieces {
		if !Pause(time.Until(p.due), k.done) || !w.pass(p.bytes, k.done, func(b []byte) bool { return k.write(dst, b) }) {
			break
		}
	}
	// The end of src travels as its bytes do: dst hears of it when it could.
	w.open(k.done)
	k.end()
	reading.Wait()
}

// take reads what src sends until it ends, or the ride does.
func (k *ride) take(src net.Conn, w *way, pieces chan<- piece) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			select {
			case pieces <- piece{bytes.Clone(buf[:n]), time.Now().Add(w.delay())}:
			case <-k.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write writes as much as the ride still carries.
func (k *ride) write(dst net.Conn, b []byte) bool {
	if k.breaking.Load() {
		if left := k.left.Add(-int64(len(b))); left < 0 {
			_, _ = dst.Write(b[:max(0, left+int64(len(b)))]) // it breaks anyway
			k.reset()
			return false
		}
	}
	_, err := dst.Write(b)
	return err == nil
}

// end ends the ride.
func (k *ride) end() { k.once.Do(func() { close(k.done) }) }

// reset ends the ride by a TCP reset on both sides.
func (k *ride) reset() {
	for _, c := range []net.Conn{k.near, k.far} {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0)
		}
	}
	k.end()
}

// breakAll has every connection break within its next bytes, and returns how
// many there are.
func (r *road) breakAll(rng *rand.Rand) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.rides {
		k.left.Store(rng.Int64N(200))
		k.breaking.Store(true)
	}
	return len(r.rides)
}

// dropAll ends every connection now.
func (r *road) dropAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.rides {
		k.end()
	}
}
