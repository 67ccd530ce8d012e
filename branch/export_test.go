package branch

import "passbook.example/passbook/branch/replica"

// StopEngine lets the engine stand still until release is called: what comes is
// taken and not answered.
func (b *Branch) StopEngine() (release func()) {
	held := make(chan struct{})
	b.engine.Post(func(*replica.Replica) { <-held })
	return func() { close(held) }
}

// ListBytes is what the lists in hand take, in bytes.
func (b *Branch) ListBytes() int64 { return b.desk.ListBytes() }
