package lamport_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// draw returns a picture.
func draw(t *testing.T, trace *lamport.Trace, choice lamport.Choice) string {
	t.Helper()
	data, err := lamport.Draw(trace, choice)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, data)
	return string(data)
}

// wellFormed checks that a picture is XML.
func wellFormed(t *testing.T, data []byte) {
	t.Helper()
	for decoder := xml.NewDecoder(bytes.NewReader(data)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, data)
		}
	}
}

// sequential returns the trace of customers that come one after the other, each to its
// branch.
func sequential(branches, customers, requests int) *lamport.Trace {
	trace := &lamport.Trace{}
	for id := range customers {
		trace.Customers = append(trace.Customers, lamport.History{Process: lamport.Process{Kind: lamport.Customer, ID: int64(id + 1)}})
	}
	for id := range branches {
		trace.Branches = append(trace.Branches, lamport.History{Process: lamport.Process{Kind: lamport.Branch, ID: int64(id + 1)}})
	}
	for request := range requests {
		id := request % customers
		customer, branch := &trace.Customers[id], &trace.Branches[id]
		e := lamport.Event{Request: int64(request + 1), Operation: lamport.Deposit, Step: lamport.Sent, Peer: customer.Process}
		e = tick(customer, e, 0)
		e.Step = lamport.Received
		tick(branch, e, e.Clock)
		for peer := range trace.Branches {
			if peer == id {
				continue
			}
			e.Step, e.Peer = lamport.Sent, trace.Branches[peer].Process
			sent := tick(branch, e, 0)
			e.Step, e.Peer = lamport.Received, branch.Process
			tick(&trace.Branches[peer], e, sent.Clock)
		}
	}
	return trace
}

var (
	eventPattern = regexp.MustCompile(`<g class="event [a-z ]*" data-request="(-?\d+)">`)
	arrowPattern = regexp.MustCompile(`<path class="arrow ([a-z ]+)" data-request="\d+" marker-end="url\(#head-[a-z]+\)" d="M[\d.]+ ([\d.]+)L[\d.]+ ([\d.]+)">`)
)

// A small picture has every event and every message, and messages go down.
func TestASmallPictureHasEverything(t *testing.T) {
	for name, test := range map[string]struct{ events, arrows int }{
		"output-2024-single.json": {14, 7},
		"output-2021.json":        {6, 2},
	} {
		picture := draw(t, read(t, file(t, name)), lamport.Choice{})
		if got := len(eventPattern.FindAllString(picture, -1)); got != test.events {
			t.Errorf("%s: %d events, want %d", name, got, test.events)
		}
		arrows := arrowPattern.FindAllStringSubmatch(picture, -1)
		if len(arrows) != test.arrows {
			t.Errorf("%s: %d arrows, want %d", name, len(arrows), test.arrows)
		}
		for _, a := range arrows {
			from, _ := strconv.ParseFloat(a[2], 64)
			to, _ := strconv.ParseFloat(a[3], 64)
			if from >= to {
				t.Errorf("%s: an arrow goes up: %s", name, a[0])
			}
		}
		if strings.Contains(picture, "wrong\" data") || strings.Contains(picture, "share the last line") {
			t.Errorf("%s: something is wrong, or folded:\n%s", name, picture)
		}
	}
}

// Of 50 branches those that only receive share a line, and the picture says so.
func TestALargePictureIsFolded(t *testing.T) {
	trace := sequential(50, 50, 100)
	picture := draw(t, trace, lamport.Choice{})
	for _, want := range []string{
		"Shown: requests 1 to 4 of 100 requests. The 46 branches that only receive propagations share the last line: 5 to 50.",
		">46 other branches<", ">6–51<", ">7–52<", ">r1 × 46<",
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if got := len(eventPattern.FindAllString(picture, -1)); got > 60 {
		t.Errorf("%d dots are too many to read", got)
	}
	one := draw(t, trace, lamport.Choice{Requests: []int64{77}})
	for _, m := range eventPattern.FindAllStringSubmatch(one, -1) {
		if m[1] != "77" {
			t.Errorf("request %s is drawn, and 77 was chosen", m[1])
		}
	}
	if !strings.Contains(one, "Shown: request 77 of 100 requests. The 49 branches") {
		t.Error("it does not say what is shown")
	}
	whole := draw(t, sequential(12, 12, 12), lamport.Choice{Whole: true})
	if got, want := len(eventPattern.FindAllString(whole, -1)), 12*24; got != want {
		t.Errorf("the whole has %d events, want %d", got, want)
	}
}

// What is wrong is red, and says why; a message without its other end is a stub.
func TestAWrongTraceIsDrawnAsItIs(t *testing.T) {
	text := string(sample(t).Data)
	for _, change := range [][3]string{
		{`"logical_clock": 5, "interface": "propogate_deposit", "comment": "event_recv from branch 1"`, `"logical_clock": 3, "interface": "propogate_deposit", "comment": "event_recv from branch 1"`, "Wrong: the clock must be 5, got 3"},
		{`, {"customer-request-id": 2, "logical_clock": 7, "interface": "propogate_withdraw", "comment": "event_recv from branch 2"}`, ``, "the other end of this message is missing"},
	} {
		changed := strings.ReplaceAll(text, change[0], change[1])
		if changed == text {
			t.Fatalf("%s is not in the file", change[0])
		}
		picture := draw(t, read(t, lamport.File{Name: "f", Data: []byte(changed)}), lamport.Choice{})
		for _, want := range []string{change[2], "backwards", " wrong\"", "This trace is wrong"} {
			if !strings.Contains(picture, want) {
				t.Errorf("%q is missing", want)
			}
		}
	}
}

func TestWhatCannotBeDrawnIsRefused(t *testing.T) {
	for _, test := range []struct {
		trace  *lamport.Trace
		choice lamport.Choice
		want   string
	}{
		{&lamport.Trace{}, lamport.Choice{}, "the trace has no events to draw"},
		{sequential(2, 2, 3), lamport.Choice{Requests: []int64{9}}, "the trace has no request 9; it has 1 to 3"},
		{sequential(60, 60, 200), lamport.Choice{Whole: true}, "24000 events are more than a picture can have (20000): choose a request"},
	} {
		for name, f := range map[string]func(*lamport.Trace, lamport.Choice) ([]byte, error){"Draw": lamport.Draw, "Mermaid": lamport.Mermaid} {
			if _, err := f(test.trace, test.choice); err == nil || err.Error() != test.want {
				t.Errorf("%s: got %v, want %s", name, err, test.want)
			}
		}
	}
}

// Whatever a trace says can be drawn, right or wrong.
func TestEveryTraceCanBeDrawn(t *testing.T) {
	for seed := range uint64(100) {
		trace := simulate(seed)
		if trace.Events() == 0 {
			continue
		}
		draw(t, trace, lamport.Choice{})
		n := 0
		for k := range trace.Branches {
			for i := range trace.Branches[k].Events {
				e := &trace.Branches[k].Events[i]
				switch n++; n % 5 {
				case 0:
					e.Clock -= 3
				case 1:
					e.Clock = 1 << 62
				case 2:
					e.Peer.ID = 99
				case 3:
					e.Request = -5
				}
			}
		}
		draw(t, trace, lamport.Choice{})
		if _, err := lamport.Mermaid(trace, lamport.Choice{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMermaid(t *testing.T) {
	got, err := lamport.Mermaid(read(t, sample(t)), lamport.Choice{Requests: []int64{3, 2}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `sequenceDiagram
    %% Shown: requests 2, 3 of 3 requests.
    participant P1 as branch 1
    participant P2 as customer 2
    participant P3 as branch 2
    participant P4 as branch 3
    P2->>P3: request 2 (withdraw)
    Note over P2,P3: sent at 1, received at max(4, 1) + 1 = 5
    P3->>P1: propagation of request 2 (withdraw)
    Note over P1,P3: sent at 6, received at max(4, 6) + 1 = 7
    P3->>P4: propagation of request 2 (withdraw)
    Note over P3,P4: sent at 7, received at max(5, 7) + 1 = 8
    P2->>P3: request 3 (withdraw)
    Note over P2,P3: sent at 2, received at max(7, 2) + 1 = 8, refused
`
	if string(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	folded, err := lamport.Mermaid(sequential(50, 50, 100), lamport.Choice{Requests: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "P2->>P3: propagation of request 1 (deposit), 49 times\n    Note over P2,P3: sent at 3–51, received at 4–52\n"; !strings.Contains(string(folded), want) {
		t.Errorf("%q is missing in\n%s", want, folded)
	}
}

// The picture in the docs is the one that is drawn.
func TestThePictureInTheDocsIsCurrent(t *testing.T) {
	want, err := os.ReadFile("../../docs/trace.svg")
	if err != nil {
		t.Fatal(err)
	}
	if got := draw(t, read(t, sample(t)), lamport.Choice{}); got != string(want) {
		t.Error("docs/trace.svg is not current: run passbook trace draw customer/lamport/testdata/output-2024-single.json -o docs/trace.svg")
	}
}
