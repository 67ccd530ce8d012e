package lamport

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestLargeTracesAreRefused(t *testing.T) {
	for _, test := range []struct {
		files []File
		want  string
	}{
		{[]File{{Name: "f", Data: make([]byte, MaxFileBytes+1)}}, "read f: larger than 64 MiB"},
		{make([]File, maxFiles+1), "257 files are more than a trace can have (256)"},
		{[]File{{Name: "f", Data: []byte(`[{"id":1,"type":"branch","events":[` + strings.Repeat("{},", maxEvents) + `{}]}]`)}}, "f:1:2: element 1: there are more than 1048576 events, which is as many as are read"},
	} {
		if _, err := Read(test.files...); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestFaultsAndViolationsAreBounded(t *testing.T) {
	trace, err := Read(File{Name: "f", Data: []byte(`[{"id":1,"type":"branch","events":[` + strings.Repeat("{},", maxFaults) + `{}]}]`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(Check(trace)); got != maxFaults {
		t.Errorf("%d faults, want %d", got, maxFaults)
	}
	trace = &Trace{Branches: []History{{Process: Process{Branch, 1}}}}
	for range maxViolations {
		trace.Branches[0].Events = append(trace.Branches[0].Events, Event{Request: 1, Clock: 1, Operation: Deposit, Step: Received, Peer: Process{Customer, 1}})
	}
	if got := len(Check(trace)); got != maxViolations {
		t.Errorf("%d violations, want %d", got, maxViolations)
	}
}

// The responses of very many peers are not told apart, and right ones stay right.
func TestAnswersOfManyPeersAreRight(t *testing.T) {
	for _, peers := range []int{maxAnswers, maxAnswers + 1} {
		var b bytes.Buffer
		fmt.Fprintf(&b, `[{"pid":1,"data":[{"id":1,"name":"deposit_request","clock":2},{"id":1,"name":"deposit_execute","clock":3}`)
		for p := range peers {
			fmt.Fprintf(&b, `,{"id":1,"name":"deposit_propagate_response","clock":%d}`, 6+p)
		}
		fmt.Fprintf(&b, `,{"id":1,"name":"deposit_response","clock":%d}]}`, 6+peers)
		for p := range peers {
			fmt.Fprintf(&b, `,{"pid":%d,"data":[{"id":1,"name":"deposit_propagate_request","clock":4},{"id":1,"name":"deposit_propagate_execute","clock":5}]}`, p+2)
		}
		b.WriteString("]")
		trace, err := Read(File{Name: "f", Data: b.Bytes()})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range Check(trace) {
			t.Errorf("%d peers: %s", peers, v)
		}
	}
}
