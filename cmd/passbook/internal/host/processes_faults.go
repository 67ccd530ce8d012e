package host

import (
	"context"

	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/cmd/passbook/internal/faults"
)

// do carries out an order in the goroutine that owns the supervisor.
func (s *supervisor) do(order func() error) error {
	done := make(chan error, 1)
	select {
	case s.orders <- func() { done <- order() }:
		return <-done
	case <-s.over:
		return faults.ErrBankStops
	}
}

// process returns the process of a branch.
func (s *supervisor) process(id uint32) (p *process, err error) {
	err = s.do(func() error {
		if p = s.processes[id]; p == nil {
			return faults.ErrNotServing(id)
		}
		return nil
	})
	return p, err
}

// Find implements faults.Breaker.
func (s *supervisor) Find(id uint32) (faults.Running, bool) {
	p, err := s.process(id)
	if err != nil {
		return faults.Running{}, false
	}
	return faults.Running{Ready: p.ready, Ended: p.ended}, true
}

// Apply implements faults.Breaker. A process cuts off and heals its branch itself;
// the other actions are done to the process.
func (s *supervisor) Apply(ctx context.Context, id uint32, action fault.Action) error {
	if action == fault.Cut || action == fault.Heal {
		return s.ask(ctx, id, action)
	}
	return s.do(func() error {
		p := s.processes[id]
		switch {
		case s.stopping:
			return faults.ErrBankStops
		case action == fault.Restart:
			return s.restart(id)
		case p == nil:
			return faults.ErrNotServing(id)
		}
		if err := p.apply(action); err != nil {
			return faults.Refusef("branch %d: %v", id, err)
		}
		return nil
	})
}

// ask asks the process of a branch to carry out an action itself.
func (s *supervisor) ask(ctx context.Context, id uint32, action fault.Action) error {
	p, err := s.process(id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, faults.EndTimeout)
	defer cancel()
	go func() { // until ctx is done
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err = p.wire.Apply(ctx, id, action); ctx.Err() != nil {
		return faults.Refusef("branch %d does not answer, or has ended", id)
	}
	return err
}

// restart starts the process of a branch that has ended.
func (s *supervisor) restart(id uint32) error {
	if err := s.launch(id); err != nil {
		return faults.Refusef("branch %d: %v", id, err)
	}
	s.processes[id].again = true
	return nil
}

// apply does something to the process. The goroutine that owns the supervisor
// calls it.
func (p *process) apply(action fault.Action) (err error) {
	switch action {
	case fault.Pause:
		if err = freeze(p.cmd.Process); err == nil {
			p.paused = true
		}
	case fault.Resume:
		if err = unfreeze(p.cmd.Process); err == nil {
			p.paused = false
		}
	case fault.Kill:
		p.killed = true
		err = p.cmd.Process.Kill()
	}
	return err
}
