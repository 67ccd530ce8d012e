package main

import (
	"context"

	"passbook.example/passbook/branch"
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

// process returns the process of a branch.
func (s *supervisor) process(id uint32) (p *process, err error) {
	err = s.do(func() error {
		if p = s.processes[id]; p == nil {
			return errNotServing(id)
		}
		return nil
	})
	return p, err
}

// find implements breaker.
func (s *supervisor) find(id uint32) (running, bool) {
	p, err := s.process(id)
	if err != nil {
		return running{}, false
	}
	return running{ready: p.ready, ended: p.ended}, true
}

// apply implements breaker. A process cuts and heals its branch itself; all else
// is done to the process.
func (s *supervisor) apply(ctx context.Context, id uint32, action branch.Action) error {
	if action == branch.Cut || action == branch.Heal {
		return s.ask(ctx, id, action)
	}
	return s.do(func() error {
		p := s.processes[id]
		switch {
		case s.stopping:
			return errBankStops
		case action == branch.Restart:
			return s.restart(id)
		case p == nil:
			return errNotServing(id)
		}
		if err := p.apply(action); err != nil {
			return faultErrorf("branch %d: %v", id, err)
		}
		return nil
	})
}

// ask asks the process of a branch to carry out an action itself.
func (s *supervisor) ask(ctx context.Context, id uint32, action branch.Action) error {
	p, err := s.process(id)
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
	if _, err = p.wire.ask(ctx, line{Do: action, Branch: id}); ctx.Err() != nil {
		return faultErrorf("branch %d does not answer, or has ended", id)
	}
	return err
}

// restart starts the process of a branch that has ended.
func (s *supervisor) restart(id uint32) error {
	if err := s.launch(id); err != nil {
		return faultErrorf("branch %d: %v", id, err)
	}
	s.processes[id].again = true
	return nil
}

// apply does something to the process. The goroutine that owns the supervisor
// calls it.
func (p *process) apply(action branch.Action) (err error) {
	switch action {
	case branch.Pause:
		if err = freeze(p.cmd.Process); err == nil {
			p.paused = true
		}
	case branch.Resume:
		if err = unfreeze(p.cmd.Process); err == nil {
			p.paused = false
		}
	case branch.Kill:
		p.killed = true
		err = p.cmd.Process.Kill()
	}
	return err
}
