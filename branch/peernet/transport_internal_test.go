package peernet

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// The wait for a connection to a peer ends: here nobody knows where the peer
// is.
func TestDialingAPeerEndsInTime(t *testing.T) {
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	// What package net makes for all look-ups must not be made in the bubble.
	refusing := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }}
	if _, err := refusing.LookupHost(t.Context(), "branch-1.example"); err == nil {
		t.Fatal("a resolver that asks nobody finds a host")
	}
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		defer close(over)
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			<-over
			return nil, net.ErrClosed
		}}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c, err := New().DialContext(ctx, "tcp", "branch-1.example:50051")
		if err == nil {
			c.Close()
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v, want a time-out", err)
		}
		if took := time.Since(began); took != DialTimeout {
			t.Errorf("took %v, want %v", took, DialTimeout)
		}
	})
}
