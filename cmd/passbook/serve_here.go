package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"passbook.example/passbook/cmd/passbook/internal/exit"
	"passbook.example/passbook/cmd/passbook/internal/host"
	"passbook.example/passbook/cmd/passbook/internal/survey"
)

// waitingLog is how long serve waits for a branch to take writes before it
// logs what it waits for.
const waitingLog = 3 * time.Second

// serveHere serves branches in this process. A signal is its usual end.
func (a *app) serveHere(ctx context.Context, options host.Options, o *serveOptions) error {
	broken := a.faultsHere(options.IDs, o, a.console.Deeds)
	options.Faults = broken.of
	ctx, release := o.untilStopped(ctx, broken.listen)
	defer release()
	bank, err := host.Open(ctx, options)
	if err != nil {
		return err
	}
	// The announcement ends with the serving, whichever way that ends.
	announcing, done := context.WithCancel(ctx)
	var announced sync.WaitGroup
	announced.Go(func() { a.announce(announcing, bank, options.IDs, o, options.Logger) })
	err = bank.Serve(ctx)
	done()
	announced.Wait()
	if err == nil && !o.child { // a child that was told to stop has done its work
		err = exit.StoppedBy(ctx)
	}
	return err
}

// announce logs that the branches take writes, as soon as they do, and what
// they wait for when that takes long.
func (a *app) announce(ctx context.Context, bank *host.Bank, ids []uint32, o *serveOptions, logger *slog.Logger) {
	soon, cancel := context.WithTimeout(ctx, waitingLog)
	err := bank.Ready(soon)
	cancel()
	if err != nil && ctx.Err() == nil {
		a.logWaiting(ctx, bank, ids, logger)
		err = bank.Ready(ctx)
	}
	if err != nil {
		return
	}
	if o.child {
		fmt.Fprintln(a.console.Out, host.ReadyWord)
		return
	}
	logger.Info(host.ReadyLine(ids))
}

// logWaiting logs why branches don't take writes yet.
func (a *app) logWaiting(ctx context.Context, bank *host.Bank, ids []uint32, logger *slog.Logger) {
	// What this process serves is asked here, whatever --peer says.
	client, url := bank.Caller()
	defer client.CloseIdleConnections()
	for _, answer := range survey.New(client, url, ids).Ask(ctx) {
		if answer.Err == nil && answer.Status.GetStateReason() != "" {
			logger.Warn(survey.UnreadyLine(answer))
		}
	}
}

// untilStopped returns a context that ends when serving is to end. A child is
// stopped by its parent alone: Ctrl-C reaches both, and the parent decides.
// What the parent says goes to listen.
func (o *serveOptions) untilStopped(ctx context.Context, listen func(io.Reader)) (context.Context, func()) {
	if !o.child {
		return exit.Interruptible(ctx, exit.StopSignals...)
	}
	signal.Ignore(os.Interrupt)
	ctx, release := exit.Interruptible(ctx, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(ctx)
	// Nobody waits for it: it ends with the process or with its parent.
	go func() {
		listen(os.Stdin)
		cancel()
	}()
	return ctx, func() {
		cancel()
		release()
	}
}
