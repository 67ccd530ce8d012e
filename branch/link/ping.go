package link

import (
	"math/rand/v2"
	"time"

	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"
)

// Each side of a link measures how long a round trip takes: a few times when the link
// begins, since a bank that starts is busy, and then now and then while there is something
// to send. A ping is answered by the link,
// before the frames that came with it are decided: so a branch that is busy is not taken
// for one that is far.

const (
	// pingEvery lies between two pings at least.
	pingEvery = time.Second
	// pongPatience is how long a pong is waited for before the next ping.
	pongPatience = 15 * time.Second
	// firstPings is how often a link is measured when it begins.
	firstPings = 4
)

// pinger makes the pings of a link. The link's mu protects it.
type pinger struct {
	// number is the ping that is not answered; 0 for none. It can't be guessed.
	number uint64
	// sentAt is when the last one was sent, made how many were.
	sentAt time.Time
	made   int
}

// next returns the number of a ping that goes after a frame; 0 if none does.
func (p *pinger) next(now time.Time, f *protocol.Frame) uint64 {
	patience := pingEvery
	if p.number != 0 {
		patience = pongPatience
	}
	if f.Hello == nil && len(f.Outlines) == 0 || now.Sub(p.sentAt) < patience {
		return 0
	}
	p.number, p.sentAt = rand.Uint64()|1, now
	p.made++
	return p.number
}

// ping sends a ping after a frame, if it is time for one.
func (k *link) ping(after *protocol.Frame) {
	k.mu.Lock()
	n := k.pings.next(time.Now(), after)
	k.mu.Unlock()
	if n != 0 {
		k.send(outgoing{frame: &protocol.Frame{Ping: n}})
	}
}

// pingAgain sends one more of the first pings, if the link is still there.
func (k *link) pingAgain() {
	if k.ctx.Err() == nil {
		k.ping(&protocol.Frame{Hello: &protocol.Hello{}}) // as after the hello
	}
}

// answered takes a pong, and returns how long it took; false if it answers nothing.
func (p *pinger) answered(now time.Time, number uint64) (time.Duration, bool) {
	if number == 0 || number != p.number {
		return 0, false
	}
	p.number = 0
	return now.Sub(p.sentAt), true
}

// measure answers a ping, and tells the engine what a pong says. It reports whether there
// is nothing else in the frame.
func (k *link) measure(f *protocol.Frame) bool {
	if f.Ping == 0 && f.Pong == 0 {
		return false
	}
	if f.Ping != 0 {
		k.send(outgoing{frame: &protocol.Frame{Pong: f.Ping}})
	}
	k.mu.Lock()
	took, ok := k.pings.answered(time.Now(), f.Pong)
	again := ok && k.pings.made < firstPings
	k.mu.Unlock()
	if again {
		time.AfterFunc(pingEvery, k.pingAgain)
	}
	if ok {
		k.peer.links.cfg.Engine.Post(func(r *replica.Replica) { r.Measured(k.peer.id, protocol.Micros(took.Microseconds())) })
	}
	return isSilent(f)
}

// isSilent reports whether there is nothing in a frame for the replica of its receiver.
func isSilent(f *protocol.Frame) bool {
	return f.Hello == nil && len(f.Batches) == 0 && len(f.Outlines) == 0 && f.Ack == nil && len(f.Wants) == 0 && !f.Sync && f.Contest == nil
}
