package branch

// HoldLoop has the loop stand still until release is called: what comes is
// taken and not answered.
func (b *Branch) HoldLoop() (release func()) {
	held := make(chan struct{})
	b.loop.post(func() { <-held })
	return func() { close(held) }
}

// ListBytes is what the lists in hand take, of maxListBytes.
func (b *Branch) ListBytes() int64 { return b.listBytes.Taken() }
