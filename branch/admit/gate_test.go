package admit_test

import (
	"testing"
	"testing/synctest"
	"time"

	"passbook.example/passbook/branch/admit"
)

// A gate that is shut lets nothing in, and is waited for until all have left.
func TestAShutGateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g admit.Gate
		end := make(chan struct{})
		if !g.Enter() || !g.Go(func() { <-end }) {
			t.Fatal("it is open")
		}
		shutting := g.Shutting()
		select {
		case <-shutting:
			t.Fatal("it is said to be shut")
		default:
		}
		began := time.Now()
		if g.Close(time.Second) || time.Since(began) != time.Second || !g.IsShut() {
			t.Errorf("closed after %v, with two in", time.Since(began))
		}
		<-shutting
		if g.Enter() || g.Go(func() { t.Error("it runs") }) {
			t.Error("it is shut")
		}
		time.AfterFunc(time.Minute, func() { close(end) })
		g.Leave()
		if g.Wait(); time.Since(began) != time.Second+time.Minute {
			t.Errorf("waited for %v", time.Since(began))
		}
		if !g.Close(time.Second) {
			t.Error("it is closed already")
		}
	})
}
