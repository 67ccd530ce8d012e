package link

import (
	"errors"
	"io"
)

// send queues a frame and makes sure that it is sent. It never blocks, and reports whether
// there was room for the frame. No goroutine
// waits for frames: waking it would cost as much as starting one, and its stack
// besides. A bank of 50 branches has 2,450 ends of links.
func (k *link) send(f outgoing) (queued bool) {
	size := contentBytes(f.frame)
	k.mu.Lock()
	if len(k.outbox) < maxOutbox && (size == 0 || k.outboxBytes == 0 || k.outboxBytes+size <= maxOutboxBytes) {
		if k.trace != nil { // what is dropped is not sent
			f.stamps = k.trace.Sending(k.peer.id, f.frame)
		}
		k.outbox = append(k.outbox, f)
		k.outboxBytes += size
		queued = true
	}
	alone := len(k.outbox) == 1
	begins := !k.pumping
	if begins {
		k.pumping = true
		k.pumps.Add(1)
	}
	k.mu.Unlock()
	switch {
	case begins && alone && k.room != nil && mostBytes(f.frame)+stampBytes(f.stamps) <= k.room():
		k.pumpOut() // which need not wait, and no goroutine is woken for it
	case begins:
		go k.pump() // ends at the latest with close, which waits for it
	}
	return queued
}

// pumpOut sends what is queued. The link ends when that fails. But where the peer has
// ended the stream, receiving tells the cause.
func (k *link) pumpOut() {
	defer k.pumps.Done()
	for k.ctx.Err() == nil {
		f, ok := k.next()
		if !ok {
			return
		}
		k.sending = f
		err := k.put(&k.sending)
		k.sending = outgoing{}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			k.end(err)
		}
	}
}

// next takes the next frame out of the outbox. When there is none it reports false,
// and nobody pumps any more.
func (k *link) next() (outgoing, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pumping = len(k.outbox) > 0
	if !k.pumping {
		return outgoing{}, false
	}
	return k.takeOut(), true
}

// takeOut takes the first frames out of the outbox, as one. The caller holds mu.
func (k *link) takeOut() outgoing {
	f, n := gather(k.outbox)
	for i := range k.outbox[:n] {
		k.outboxBytes -= contentBytes(k.outbox[i].frame)
		k.outbox[i] = outgoing{}
	}
	switch {
	case n < len(k.outbox):
		k.outbox = k.outbox[n:]
	case cap(k.outbox) > maxKeptOutbox:
		k.outbox = nil
	default:
		k.outbox = k.outbox[:0]
	}
	return f
}

// close ends the link, if it has not ended yet, and waits until nothing more is sent
// on it.
func (k *link) close(cause error) {
	k.end(cause)
	k.mu.Lock()
	k.pumping = true
	k.mu.Unlock()
	k.pumps.Wait()
}
