package lamport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Choice says what of a trace to draw.
type Choice struct {
	// Requests are the ids of the requests to draw; empty for as many as fit.
	Requests []int64
	// Whole draws all requests with a line for each process, whatever that takes.
	Whole bool
}

const (
	// maxLines and maxItems are what a picture shows that is not folded, and maxFolded the
	// items of one that is.
	maxLines, maxItems, maxFolded = 10, 150, 100
	// maxWhole is how many events are drawn at all.
	maxWhole = 20_000
)

// plan says what is drawn: which requests, which processes each in a line of its own, and
// which together in the last one.
type plan struct {
	*checker
	// requests are the ids that are drawn, in ascending order; all of them are known.
	requests, all []int64
	// lines are the processes with lines of their own, each customer before its branch.
	lines []Process
	// folded are the branches that share the last line.
	folded []Process
}

// newPlan chooses what to draw. It returns an error if there is nothing, or too much.
func newPlan(t *Trace, choice Choice) (*plan, error) {
	p := &plan{checker: newChecker(t)}
	p.run()
	if t.Edition == Edition2020 {
		p.match2020()
	}
	for _, n := range p.nodes {
		p.all = append(p.all, n.Request)
	}
	slices.Sort(p.all)
	p.all = slices.Compact(p.all)
	if len(p.all) == 0 {
		return nil, errors.New("the trace has no events to draw")
	}
	for _, id := range choice.Requests {
		if _, ok := slices.BinarySearch(p.all, id); !ok {
			return nil, fmt.Errorf("the trace has no request %d; it has %s", id, idsText(p.all))
		}
	}
	p.choose(choice)
	if n := p.events(); n > maxWhole {
		return nil, fmt.Errorf("%d events are more than a picture can have (%d): choose a request", n, maxWhole)
	}
	return p, nil
}

// choose decides which requests and processes are drawn.
func (p *plan) choose(choice Choice) {
	fits := len(p.t.Customers)+len(p.t.Branches) <= maxLines && len(p.nodes) <= maxItems
	switch {
	case len(choice.Requests) > 0:
		p.requests = slices.Compact(slices.Sorted(slices.Values(choice.Requests)))
		p.linesFor(choice.Whole || len(p.t.Branches) <= maxLines/2)
	case choice.Whole || fits:
		p.requests = p.all
		p.linesFor(true)
	default:
		for n := 1; n <= len(p.all); n++ {
			tried := *p
			tried.requests = p.all[:n]
			tried.linesFor(false)
			if n > 1 && (len(tried.lines) > maxLines || len(newPicture(&tried).items) > maxFolded) {
				break
			}
			p.requests, p.lines, p.folded = tried.requests, tried.lines, tried.folded
			if len(tried.lines) >= maxLines-2 {
				break
			}
		}
	}
}

// linesFor chooses the processes for the requests: those that take part, and of the
// branches each that a customer asked, if not all shall have lines of their own.
func (p *plan) linesFor(all bool) {
	p.lines, p.folded = nil, nil
	asked, part := make(map[Process]bool), make(map[Process]bool)
	for _, n := range p.nodes {
		if !p.drawn(n.Request) {
			continue
		}
		part[n.Process] = true
		if n.Kind == Branch && (n.Step == Received && n.Peer.Kind == Customer || n.Step == Request) {
			asked[n.Process] = true
		}
	}
	for _, histories := range [][]History{p.t.Customers, p.t.Branches} {
		for _, h := range histories {
			switch {
			case slices.Contains(p.lines, h.Process) || !part[h.Process] && (h.Kind == Customer || !all):
			case all || h.Kind == Customer || asked[h.Process]:
				p.lines = append(p.lines, h.Process)
			default:
				p.folded = append(p.folded, h.Process)
			}
		}
	}
	p.pair()
	if len(p.folded) == 1 { // a line for one is as good as a line for itself
		p.lines = append(p.lines, p.folded[0])
		p.folded = nil
	}
}

// pair puts each customer beside the branch that it calls, so that requests cross nothing.
func (p *plan) pair() {
	home, moves := make(map[int64]int64), make(map[int64]bool)
	for _, r := range p.checker.requests {
		for _, n := range r.received {
			if branch, ok := home[n.Peer.ID]; ok && branch != n.ID {
				moves[n.Peer.ID] = true // it has no place of its own
			}
			home[n.Peer.ID] = n.ID
		}
	}
	var paired []Process
	beside := make(map[int64][]Process)
	for _, process := range p.lines {
		if branch, ok := home[process.ID]; process.Kind == Customer && ok && !moves[process.ID] && slices.Contains(p.lines, Process{Branch, branch}) {
			beside[branch] = append(beside[branch], process)
		} else if process.Kind == Customer {
			paired = append(paired, process)
		}
	}
	for _, process := range p.lines {
		if process.Kind == Branch {
			paired = append(append(paired, beside[process.ID]...), process)
		}
	}
	p.lines = paired
}

// drawn reports whether a request is drawn.
func (p *plan) drawn(request int64) bool {
	_, ok := slices.BinarySearch(p.requests, request)
	return ok
}

// events returns how many events are drawn.
func (p *plan) events() int {
	n := 0
	for _, node := range p.nodes {
		if p.drawn(node.Request) {
			n++
		}
	}
	return n
}

// note says what is left out and folded; empty if nothing is.
func (p *plan) note() string {
	text := ""
	if len(p.requests) < len(p.all) {
		text = fmt.Sprintf("Shown: %s of %d requests. ", requestsText(p.requests), len(p.all))
	}
	if len(p.folded) > 0 {
		text += fmt.Sprintf("The %d branches that only receive propagations share the last line: %s.", len(p.folded), branchesText(p.folded))
	}
	return strings.TrimSpace(text)
}

// requestsText names requests: "request 3", "requests 1 to 4".
func requestsText(ids []int64) string {
	if len(ids) == 1 {
		return fmt.Sprintf("request %d", ids[0])
	}
	return "requests " + idsText(ids)
}

// branchesText names branches by their ids.
func branchesText(branches []Process) string {
	ids := make([]int64, len(branches))
	for i, b := range branches {
		ids[i] = b.ID
	}
	slices.Sort(ids)
	return idsText(ids)
}

// idsText lists ids, of many the first few: "1 to 4, 7".
func idsText(ids []int64) string {
	const most = 6
	text := ""
	for parts := 0; len(ids) > 0; parts++ {
		if parts == most {
			return fmt.Sprintf("%s and %d more", text, len(ids))
		}
		n := 1
		for n < len(ids) && ids[n] == ids[n-1]+1 {
			n++
		}
		if text != "" {
			text += ", "
		}
		switch {
		case n > 2:
			text += fmt.Sprintf("%d to %d", ids[0], ids[n-1])
		default:
			n = 1
			text += fmt.Sprint(ids[0])
		}
		ids = ids[n:]
	}
	return text
}

// match2020 finds the messages between branches in the edition of 2020, whose events don't
// name them: a request is propagated once it is executed, and the responses are those of
// peers that explain them.
func (p *plan) match2020() {
	all := newSpans(p.nodes)
	for _, w := range p.writes() {
		origin := w.origin()
		if origin == nil || len(w.at(Execute, origin.Process)) == 0 {
			continue
		}
		for _, asked := range w.steps[PropagateRequest] {
			p.join(w.at(Execute, origin.Process)[0], asked)
		}
		responses, executed := w.steps[PropagateResponse], w.steps[PropagateExecute]
		if len(responses) > maxAnswers || len(executed) > maxAnswers {
			continue
		}
		of := make([]int, len(executed))
		for i := range responses {
			assign(i+1, of, make([]bool, len(executed)), func(peer, i int) bool {
				return all.from(executed[peer], nil).explains(responses[i-1].Clock, responses[i-1].clockBefore())
			})
		}
		for peer, i := range of {
			if i > 0 {
				p.join(executed[peer], responses[i-1])
			}
		}
	}
}

// join adds a message.
func (p *plan) join(sent, received *node) {
	m := &message{sent: sent, received: received}
	received.message = m
	p.messages = append(p.messages, m)
}
