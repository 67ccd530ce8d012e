package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// stopSignals are the signals that stop a command in order.
var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// interruptible returns a context that ends at the first of the signals, with
// a signalError as its cause. The second one has its usual effect, which is to
// end the process at once. The caller calls release.
func interruptible(parent context.Context, signals ...os.Signal) (ctx context.Context, release func()) {
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
