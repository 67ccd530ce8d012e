package exit

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// StopSignals are the signals that stop a command in order.
var StopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// Interruptible returns a context that ends at the first of the signals, with
// a cause that [Code] knows. The second one has its usual effect, which is to
// end the process at once. The caller calls release.
func Interruptible(parent context.Context, signals ...os.Signal) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case s := <-received:
			signal.Stop(received)
			cancel(signalError{s})
		case <-ctx.Done():
			signal.Stop(received)
		}
	})
	return ctx, func() {
		cancel(context.Canceled)
		waiting.Wait()
	}
}
