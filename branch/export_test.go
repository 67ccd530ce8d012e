package branch

import "passbook.example/passbook/branch/replica"

// StopEngine stops the engine until release is called. Calls are accepted, but not
// answered.
func (b *Branch) StopEngine() (release func()) {
	held := make(chan struct{})
	b.engine.Post(func(*replica.Replica) { <-held })
	return func() { close(held) }
}

// ListBytes is how many bytes the lists in hand take.
func (b *Branch) ListBytes() int64 { return b.desk.ListBytes() }
