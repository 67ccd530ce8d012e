package main

import (
	"bufio"
	"io"
	"strings"
)

// stage is a part of what the processor does for a deposit.
type stage struct {
	name string
	// marks are in the names of functions. A stack belongs to the first stage of which it
	// has a mark.
	marks []string
}

// stages are those of a branch, from the inside of a stack to its outside: what is called
// by several of them comes first.
var stages = []stage{
	{"garbage collection", []string{"runtime.gcBgMark", "runtime.gcAssist", "runtime.gcStart", "runtime.bgsweep", "runtime.bgscavenge", "runtime.sweepone", "runtime.gcDrain"}},
	{"sync: Pebble's log writer and fdatasync", []string{"record.(*LogWriter)"}},
	{"journal: the commit, into Pebble's memory", []string{"journal.(*Journal).Commit", "journal.(*Journal).catchUp"}},
	{"links: frames encoded and sent", []string{"link.(*Links).Send", "link.(*link).send", "link.(*link).pumpOut", "http2clientStream", "http2ClientConn"}},
	{"links: frames received and decoded", []string{"link.(*link).pumpIn", "http2clientConnReadLoop"}},
	{"replica: peers' frames, applied and acked", []string{"replica.(*Replica).Receive"}},
	{"replica: what is decided, sealed and sent", []string{"replica.(*Replica)"}},
	{"engine: its queue, replies, who observes", []string{"engine.(*Engine).Run"}},
	{"handler: checks, and the wait for the engine", []string{"service.(*Customers)", "service.carryOut"}},
	{"Connect: the request in, the answer out", []string{"connect.(*Handler).ServeHTTP"}},
	{"bounds and guards of the port", []string{"admit.(*Requests)", "browser.(*Guard)", "admit.(*Gate)"}},
	{"HTTP/2: frames read", []string{"http2serverConn).readFrames"}},
	{"HTTP/2: frames written", []string{"http2serverConn).writeFrameAsync"}},
	{"HTTP/2: streams, headers, goroutines", []string{"net/http.(*http2", "net/http.(*conn)"}},
	{"wake-ups: the scheduler, its monitor, timers", []string{"runtime.mcall", "runtime.mstart", "runtime.sysmon", "runtime.schedule", "runtime.goexit0", "runtime.morestack", "runtime.rt0_go", "runtime.systemstack"}},
}

// otherStage has the stacks that have no mark.
const otherStage = "other"

// stageOf returns the stage of a stack, which is the names of its functions.
func stageOf(stack []string) string {
	for _, s := range stages {
		for _, mark := range s.marks {
			for _, function := range stack {
				if strings.Contains(function, mark) {
					return s.name
				}
			}
		}
	}
	return otherStage
}

// readStacks reads what `perf script -F ip,sym` prints, and returns how many of the stacks
// belong to each stage.
func readStacks(script io.Reader) (counts map[string]int, all int, err error) {
	counts = map[string]int{}
	var stack []string
	end := func() {
		if len(stack) > 0 {
			counts[stageOf(stack)]++
			all++
		}
		stack = stack[:0]
	}
	lines := bufio.NewScanner(script)
	lines.Buffer(nil, 1<<20) // the names of generic functions are long
	for lines.Scan() {
		address, function, ok := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		switch {
		case ok:
			stack = append(stack, function)
		case address == "":
			end()
		}
	}
	end()
	return counts, all, lines.Err()
}
