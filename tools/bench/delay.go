package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Distance: a proxy forwards connections between sites, and what goes in comes out
// a while later. It has queues with a time on each piece and no limit of throughput,
// so it is a long wire and not a narrow one.

// maxPiece is how much is read from a connection at once.
const maxPiece = 64 << 10

// delayLine hands over what it is given, in the same order, a fixed time later.
type delayLine struct {
	delay time.Duration

	mu     sync.Mutex
	filled sync.Cond
	// queue is what is on its way, the oldest first.
	queue []piece
	// closed ends the line.
	closed bool
}

// piece is something that arrives at its end at a time. Without data it is the end
// of what is sent.
type piece struct {
	due  time.Time
	to   *lane
	data []byte
}

// newDelayLine starts a line, which has a thread of its own: a sleeping goroutine may
// wake a millisecond late.
func newDelayLine(delay time.Duration) *delayLine {
	l := &delayLine{delay: delay}
	l.filled.L = &l.mu
	go l.run()
	return l
}

// send puts a piece in. It leaves not before a time.
func (l *delayLine) send(to *lane, data []byte, notBefore time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := time.Now()
	if notBefore.After(due) {
		due = notBefore
	}
	due = due.Add(l.delay)
	if n := len(l.queue); n > 0 && l.queue[n-1].due.After(due) {
		due = l.queue[n-1].due
	}
	l.queue = append(l.queue, piece{due, to, data})
	l.filled.Signal()
}

// run hands over what is due, until the line is closed.
func (l *delayLine) run() {
	clock, err := newClock()
	if err == nil {
		defer clock.release()
	}
	for {
		p, ok := l.next()
		if !ok {
			return
		}
		clock.until(p.due)
		p.to.arrive(p.data)
	}
}

func (l *delayLine) next() (piece, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.filled.Wait()
	}
	if l.closed {
		return piece{}, false
	}
	p := l.queue[0]
	l.queue = l.queue[1:]
	return p, true
}

func (l *delayLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.filled.Signal()
}

// lane is where pieces of one direction of one connection arrive.
type lane struct {
	proxy *delayProxy
	conn  net.Conn

	mu      sync.Mutex
	changed sync.Cond
	arrived [][]byte
	// ended says that no more comes, broken that nothing is written any more.
	ended, broken bool
}

func newLane(p *delayProxy, conn net.Conn) *lane {
	l := &lane{proxy: p, conn: conn}
	l.changed.L = &l.mu
	return l
}

// arrive takes a piece.
func (l *lane) arrive(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if data == nil {
		l.ended = true
	} else {
		l.arrived = append(l.arrived, data)
	}
	l.changed.Signal()
}

func (l *lane) breakOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
	l.changed.Signal()
}

// write writes what arrives until the end, but nothing while the proxy is cut.
func (l *lane) write() {
	for {
		all, ok := l.take()
		if !ok {
			return
		}
		buffers := net.Buffers(all)
		if _, err := buffers.WriteTo(l.conn); err != nil {
			return
		}
	}
}

// take returns what has arrived; false at the end.
func (l *lane) take() ([][]byte, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.broken && (l.proxy.isCut() || len(l.arrived) == 0 && !l.ended) {
		l.changed.Wait()
	}
	all := l.arrived
	l.arrived = nil
	return all, !l.broken && len(all) > 0
}

// delayProxy forwards TCP connections to a target through delay lines. While it is
// cut, nothing gets through, and no connection breaks: as if a cable were pulled.
type delayProxy struct {
	// listener is where connections come in; nil if a junction hands them over.
	listener net.Listener
	target   string
	line     *delayLine

	mu  sync.Mutex
	cut bool
	// lanes are those of the connections that are open.
	lanes  map[*lane]bool
	closed bool
}

// newDelayProxy starts a proxy to a target, at a port of its own.
func newDelayProxy(target string, line *delayLine) (*delayProxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := newDelayProxyAt(l, target, line)
	go p.accept()
	return p, nil
}

// newDelayProxyAt returns a proxy that accepts nothing yet.
func newDelayProxyAt(l net.Listener, target string, line *delayLine) *delayProxy {
	return &delayProxy{listener: l, target: target, line: line, lanes: map[*lane]bool{}}
}

func (p *delayProxy) address() string { return p.listener.Addr().String() }

func (p *delayProxy) isCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// setCut cuts the proxy, or mends it: then what was held arrives.
func (p *delayProxy) setCut(cut bool) {
	p.mu.Lock()
	p.cut = cut
	lanes := p.allLanes()
	p.mu.Unlock()
	for _, l := range lanes {
		l.mu.Lock()
		l.changed.Signal()
		l.mu.Unlock()
	}
}

// allLanes returns the lanes. The caller holds mu.
func (p *delayProxy) allLanes() []*lane {
	var all []*lane
	for l := range p.lanes {
		all = append(all, l)
	}
	return all
}

// close breaks all connections off.
func (p *delayProxy) close() {
	if p.listener != nil {
		_ = p.listener.Close() // nobody is told
	}
	p.mu.Lock()
	p.closed = true
	lanes := p.allLanes()
	p.mu.Unlock()
	for _, l := range lanes {
		l.breakOff()
		_ = l.conn.Close() // as above
	}
}

func (p *delayProxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.forward(c)
	}
}

// forward carries a connection. What is said first leaves one round trip later, the
// time that a handshake takes.
func (p *delayProxy) forward(near net.Conn) {
	defer func() { _ = near.Close() }() // nothing is left to lose
	open := time.Now().Add(2 * p.line.delay)
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return // the caller sees that the connection ends
	}
	defer func() { _ = far.Close() }() // as above
	there, back := newLane(p, far), newLane(p, near)
	if !p.add(there, back) {
		return
	}
	defer p.remove(there, back)
	var reading, writing sync.WaitGroup
	reading.Go(func() { carry(near, there, p.line, open) })
	reading.Go(func() { carry(far, back, p.line, open) })
	for _, l := range []*lane{there, back} {
		writing.Go(func() {
			l.write()
			_ = l.conn.(*net.TCPConn).CloseWrite() // gone already, maybe
		})
	}
	reading.Wait()
	writing.Wait()
}

// add notes the lanes of a connection; false if the proxy is closed.
func (p *delayProxy) add(lanes ...*lane) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lanes {
		p.lanes[l] = true
	}
	return !p.closed
}

func (p *delayProxy) remove(lanes ...*lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range lanes {
		delete(p.lanes, l)
	}
}

// carry reads what comes and puts it on a line. It ends with the connection.
func carry(from net.Conn, to *lane, line *delayLine, notBefore time.Time) {
	buffer := make([]byte, maxPiece)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			line.send(to, append([]byte(nil), buffer[:n]...), notBefore)
		}
		if err != nil {
			line.send(to, nil, notBefore)
			if !errors.Is(err, io.EOF) {
				_ = from.Close() // it can't be written to either
			}
			return
		}
	}
}
