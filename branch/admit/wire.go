package admit

import (
	"bytes"
	"net"
	"runtime"
)

// aheadBytes is how much a wire reads at once: a few calls' frames.
const aheadBytes = 4 << 10

// wire is a connection that saves system calls over HTTP/2, where many calls come and
// go on it at once. Package net/http reads the head of each frame and then its content,
// and writes what an answer has as soon as it has it. That takes four reads and two writes
// for each call; here it is one or two for all that come, or are answered, together.
type wire struct {
	net.Conn
	// ahead has been read and not asked for. It is in room, which is nil until it is
	// needed.
	ahead, room []byte
	// err is what reading ended with, for when all that was read has been asked for.
	err error
	// shared says that the connection speaks HTTP/2.
	shared bool
}

// preface is what a client sends first over HTTP/2, or begins with that.
var preface = []byte("PRI ")

// Read implements net.Conn.
func (w *wire) Read(p []byte) (n int, err error) {
	if len(w.ahead) == 0 && w.err == nil {
		if len(p) >= aheadBytes {
			return w.Conn.Read(p)
		}
		first := w.room == nil
		if first {
			w.room = make([]byte, aheadBytes)
		}
		n, w.err = w.Conn.Read(w.room)
		if w.ahead = w.room[:n]; first {
			w.shared = bytes.HasPrefix(w.ahead, preface)
		}
	}
	n = copy(p, w.ahead)
	if w.ahead = w.ahead[n:]; len(w.ahead) == 0 {
		err, w.err = w.err, nil // a deadline may be moved, and reading go on
	}
	return n, err
}

// Write implements net.Conn. Over HTTP/2 it first lets the other goroutines go on that
// are ready: what they have to say goes out with the next write. A batch of the engine
// answers many calls at once, and one after the other would go out alone.
func (w *wire) Write(p []byte) (int, error) {
	if w.shared {
		runtime.Gosched()
	}
	return w.Conn.Write(p)
}
