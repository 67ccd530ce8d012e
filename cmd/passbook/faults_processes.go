package main

import (
	"context"
)

// do has the goroutine that owns the supervisor carry out an order.
func (s *supervisor) do(order func() error) error {
	done := make(chan error, 1)
	select {
	case s.orders <- func() { done <- order() }:
		return <-done
	case <-s.over:
		return errBankStops
	}
}

// find returns the process of a branch.
func (s *supervisor) find(id uint32) (p *process, err error) {
	err = s.do(func() error {
		if p = s.processes[id]; p == nil {
			return errNotServing(id)
		}
		return nil
	})
	return p, err
}

// change does something to the process of a branch, unless all are to stop.
func (s *supervisor) change(id uint32, do func(*process) error) error {
	return s.do(func() error {
		p := s.processes[id]
		switch {
		case s.stopping:
			return errBankStops
		case p == nil:
			return errNotServing(id)
		}
		return do(p)
	})
}

// runs is breaker's.
func (s *supervisor) runs(id uint32) bool {
	_, err := s.find(id)
	return err == nil
}

// ask has the process of a branch do something itself.
func (s *supervisor) ask(ctx context.Context, id uint32, do string) error {
	p, err := s.find(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	go func() { // until ctx is done
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, err = p.wire.ask(ctx, line{Do: do, Branch: id}); ctx.Err() != nil {
		return faultErrorf("branch %d does not answer, or has ended", id)
	}
	return err
}

// cut is breaker's.
func (s *supervisor) cut(ctx context.Context, id uint32) error { return s.ask(ctx, id, doCut) }

// heal is breaker's.
func (s *supervisor) heal(ctx context.Context, id uint32) error { return s.ask(ctx, id, doHeal) }

// pause is breaker's.
func (s *supervisor) pause(id uint32) error {
	return s.change(id, func(p *process) error {
		if err := freeze(p.cmd.Process); err != nil {
			return faultErrorf("branch %d: %v", id, err)
		}
		p.paused = true
		return nil
	})
}

// resume is breaker's.
func (s *supervisor) resume(id uint32) error {
	return s.change(id, func(p *process) error {
		if err := unfreeze(p.cmd.Process); err != nil {
			return faultErrorf("branch %d: %v", id, err)
		}
		p.paused = false
		return nil
	})
}

// kill is breaker's.
func (s *supervisor) kill(ctx context.Context, id uint32) error {
	var ended <-chan struct{}
	err := s.change(id, func(p *process) error {
		p.killed = true
		ended = p.ended
		return p.cmd.Process.Kill()
	})
	if err != nil {
		return err
	}
	return awaitEnd(ctx, id, ended)
}

// restart is breaker's.
func (s *supervisor) restart(id uint32) (ready func(context.Context) error, err error) {
	var p *process
	err = s.do(func() error {
		if s.stopping {
			return errBankStops
		}
		if err := s.launch(id); err != nil {
			return faultErrorf("branch %d: %v", id, err)
		}
		p = s.processes[id]
		p.again = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return awaitReady(ctx, id, p.ready, p.ended) }, nil
}
