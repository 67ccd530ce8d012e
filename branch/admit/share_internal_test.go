package admit

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// guest has a place, and notes that it had to give way.
type guest struct {
	Place
	gaveWay bool
}

// GiveWay implements Holder.
func (g *guest) GiveWay() { g.gaveWay = true }

// The idle ones of one kind give way to newer ones, the longest idle first; nothing
// else does.
func TestIdlePlacesGiveWay(t *testing.T) {
	s := NewShare(4, 2)
	enter := func(idle bool) *guest {
		g := &guest{}
		if !s.Enter(&g.Place, g, idle) {
			return nil
		}
		return g
	}
	first, second := enter(true), enter(true)
	third := enter(true)
	if !first.gaveWay || second.gaveWay || third.gaveWay || s.idle != 2 || s.in != 2 {
		t.Errorf("%v %v %v; %d idle of %d", first.gaveWay, second.gaveWay, third.gaveWay, s.idle, s.in)
	}
	if !s.Leave(&first.Place) || s.in != 2 {
		t.Errorf("one that had given way: %d", s.in)
	}
	s.Work(&second.Place)
	enter(false)
	enter(false)
	if enter(false) == nil || !third.gaveWay || second.gaveWay || s.in != 4 {
		t.Error("an idle one has a place that is needed")
	}
	if enter(true) != nil {
		t.Error("one that is at work gave way")
	}
	if s.Leave(&second.Place) || s.in != 3 || s.idle != 0 || s.first != nil || s.last != nil {
		t.Errorf("%d are left, %d of them idle", s.in, s.idle)
	}
}

// A place that is idle again is the last to give way.
func TestAPlaceThatRestsIsTheLastToGiveWay(t *testing.T) {
	const most = 8
	s := NewShare(most, most)
	var all []*guest
	enter := func() bool {
		g := &guest{}
		if !s.Enter(&g.Place, g, true) {
			return false
		}
		s.Work(&g.Place)
		s.Work(&g.Place)
		all = append(all, g)
		return true
	}
	for i := range most {
		if !enter() {
			t.Fatalf("number %d is refused", i+1)
		}
	}
	if enter() {
		t.Errorf("one more than %d at work are let in", most)
	}
	for _, i := range []int{2, 1, 3} {
		s.Rest(&all[i].Place)
		s.Rest(&all[i].Place)
	}
	s.Rest(&all[4].Place) // and is still at work
	s.Work(&all[3].Place)
	s.Rest(&all[3].Place)
	for n, i := range []int{2, 1, 3} {
		if !enter() || !all[i].gaveWay {
			t.Errorf("number %d, which was idle for longest, has not given way as number %d", i, n+1)
		}
	}
	if enter() {
		t.Error("one that is at work gave way")
	}
	// One that had to give way and goes on until it ends takes no place again.
	s.Work(&all[2].Place)
	s.Rest(&all[2].Place)
	if s.Leave(&all[2].Place); s.in != most || s.idle != 0 {
		t.Errorf("%d are in, %d of them idle", s.in, s.idle)
	}
}

// lateGuest is a guest who is told on another goroutine.
type lateGuest struct {
	Place
	gaveWay atomic.Bool
}

// GiveWay implements Holder.
func (g *lateGuest) GiveWay() { g.gaveWay.Store(true) }

// Places that are idle for longer than the share has patience have to end, each in its
// time; those that work or have left in time do not.
func TestIdlePlacesEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 10 * time.Second
		s := &Share{most: 10, mostIdle: 10, patience: patience}
		var all [5]lateGuest
		for i := range all {
			s.Enter(&all[i].Place, &all[i], true)
			time.Sleep(time.Second)
		}
		s.Work(&all[1].Place)
		if s.Leave(&all[3].Place) {
			t.Error("one that has left in time was told")
		}
		time.Sleep(patience - 5*time.Second)
		synctest.Wait()
		for i, want := range []bool{true, false, false, false, false} {
			if all[i].gaveWay.Load() != want {
				t.Errorf("number %d is told: %t, want %t", i, !want, want)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, want := range []bool{true, false, true, false, true} {
			if all[i].gaveWay.Load() != want {
				t.Errorf("in the end number %d is told: %t, want %t", i, !want, want)
			}
		}
		if s.hasGone(&all[0].Place) || !s.Leave(&all[0].Place) || s.Leave(&all[1].Place) || s.in != 2 || s.idle != 0 {
			t.Errorf("%d are in, %d of them idle", s.in, s.idle)
		}
		// And once more, when there was nothing to end for a while.
		late := &lateGuest{}
		s.Enter(&late.Place, late, true)
		time.Sleep(patience)
		if synctest.Wait(); !late.gaveWay.Load() {
			t.Error("one that came later is not told")
		}
	})
}
