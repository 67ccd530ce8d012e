package main

import (
	"maps"
	"strings"
	"testing"
)

// What perf prints is counted by stages; a stack belongs to the innermost that it has.
func TestStacksAreCountedByStage(t *testing.T) {
	const script = `
	     ffffffff9 fdatasync
	        47a1b3 github.com/cockroachdb/pebble/v2/record.(*LogWriter).flushLoop
	        46c321 runtime.goexit.abi0

	        47a1b3 passbook.example/passbook/branch/journal.(*Journal).Commit
	        47a1b4 passbook.example/passbook/branch/engine.(*Engine).commit
	        47a1b5 passbook.example/passbook/branch/engine.(*Engine).Run

	        47a1b3 passbook.example/passbook/branch/broadcast.(*progress).receiveFrame
	        47a1b3 passbook.example/passbook/branch/replica.(*Replica).Receive
	        47a1b5 passbook.example/passbook/branch/engine.(*Engine).Run

	        47a1b5 passbook.example/passbook/branch/engine.(*Engine).Run

	        47a1b3 passbook.example/passbook/branch/service.carryOut[go.shape.*uint8,go.shape.struct { a int; b string }]
	        47a1b3 connectrpc.com/connect.(*Handler).ServeHTTP
	        47a1b3 passbook.example/passbook/branch/admit.(*Requests).ServeHTTP
	        47a1b3 net/http.(*http2serverConn).runHandler

	        47a1b3 net/http.(*http2serverConn).runHandler

	        1 schedule
	        2 runtime.futex
	        3 runtime.mcall

	        1 [unknown]
`
	want := map[string]int{
		"sync: Pebble's log writer and fdatasync":      1,
		"journal: the commit, into Pebble's memory":    1,
		"replica: peers' frames, applied and acked":    1,
		"engine: its queue, replies, who observes":     1,
		"handler: checks, and the wait for the engine": 1,
		"HTTP/2: streams, headers, goroutines":         1,
		"wake-ups: the scheduler, its monitor, timers": 1,
		otherStage: 1,
	}
	got, all, err := readStacks(strings.NewReader(script))
	if err != nil || all != 8 || !maps.Equal(got, want) {
		t.Errorf("%d stacks: %v, %v, want %v", all, got, err, want)
	}
}
