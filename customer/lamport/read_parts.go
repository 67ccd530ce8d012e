package lamport

import (
	"fmt"
	"slices"
	"strings"
)

// history reads an element of part 1 or 2.
func (r *reader) history(o *object) error {
	r.doubles(o)
	p, ok := r.process(o)
	if !ok {
		return nil
	}
	o.place.of = p
	h := History{Process: p}
	err := r.objects(o, "events", func(inner *object) {
		if e, ok := r.event(inner, p); ok {
			h.Events = append(h.Events, e)
		}
	})
	if p.Kind == Customer {
		r.trace.read.customers = true
		r.trace.Customers = append(r.trace.Customers, h)
		return err
	}
	r.trace.read.branches = true
	r.branch(o, h)
	return err
}

// branch takes the events of a branch, unless it has some already.
func (r *reader) branch(o *object, h History) {
	if r.branches[h.ID] {
		r.fault(o.place, "%s has an element already", h.Process)
		return
	}
	r.branches[h.ID] = true
	r.trace.Branches = append(r.trace.Branches, h)
}

// flatEvent reads an element of part 3.
func (r *reader) flatEvent(o *object) error {
	r.trace.read.events = true
	r.doubles(o)
	if err := r.count(); err != nil {
		return err
	}
	p, ok := r.process(o)
	if !ok {
		return nil
	}
	if e, ok := r.event(o, p); ok {
		r.trace.read.flat = append(r.trace.read.flat, flatEvent{p, e})
	}
	return nil
}

// process reads whose element it is.
func (r *reader) process(o *object) (Process, bool) {
	id, ok := r.integer(o, "id", "id")
	const needs = `"customer" or "branch"`
	kind, typed := r.text(o, "type", needs)
	if !typed {
		return Process{}, false
	}
	switch strings.TrimSpace(kind) {
	case "customer", "client":
		return Process{Customer, id}, ok
	case "branch", "bank":
		return Process{Branch, id}, ok
	}
	r.faultAt(o, "type", `"type" must be %s, got %q`, needs, kind)
	return Process{}, false
}

// event reads an event of a process.
func (r *reader) event(o *object, p Process) (Event, bool) {
	e := Event{place: o.place}
	var ok [4]bool
	e.Request, ok[0] = r.integer(o, "request", "customer-request-id")
	e.Clock, ok[1] = r.integer(o, "clock", "logical_clock")
	e.Step, e.Peer, ok[2] = r.comment(o, p)
	if !ok[2] {
		return e, false
	}
	e.Operation, ok[3] = r.interfaces(o, &e)
	return e, !slices.Contains(ok[:], false)
}

// comment reads what happens in an event, and with whom.
func (r *reader) comment(o *object, p Process) (Step, Process, bool) {
	needs := fmt.Sprintf(`"event_sent from %s"`, p)
	if p.Kind == Branch {
		needs = `"event_recv from customer N", "event_sent to branch N" or "event_recv from branch N"`
	}
	text, ok := r.text(o, "comment", needs)
	if !ok {
		return "", Process{}, false
	}
	step, peer, ok := parseComment(text)
	switch {
	case ok && p.Kind == Customer:
		ok = step == Sent && peer == p
	case ok && p.Kind == Branch:
		ok = step == Received || peer.Kind == Branch
	}
	if !ok {
		r.faultAt(o, "comment", `the comment of an event of %s must be %s, got %q`, p, needs, text)
		return "", Process{}, false
	}
	if peer == p && p.Kind == Branch {
		r.faultAt(o, "comment", "%s exchanges messages with other branches, not with itself: %q", p, text)
		return "", Process{}, false
	}
	return step, peer, true
}

// interfaces reads what the request of an event asks for.
func (r *reader) interfaces(o *object, e *Event) (Operation, bool) {
	needs := "deposit or withdraw"
	if e.Propagated() {
		needs = "propogate_deposit or propogate_withdraw"
	}
	text, ok := r.text(o, "interface", needs)
	if !ok {
		return "", false
	}
	operation, spelling, ok := parseInterface(text)
	if !ok || (spelling != "") != e.Propagated() {
		r.faultAt(o, "interface", `the interface of "%s" must be %s, got %q`, comment(e), needs, text)
		return "", false
	}
	if spelling != "" {
		v, _ := o.value("interface")
		spellings := r.trace.read.spellings
		spellings[spelling] = append(spellings[spelling], o.place.at(v))
	}
	return operation, true
}

// process2020 reads the element of a branch in the form of 2020.
func (r *reader) process2020(o *object) error {
	r.doubles(o)
	r.trace.Edition = Edition2020
	r.trace.read.branches = true
	id, ok := r.integer(o, "pid", "pid")
	if !ok {
		return nil
	}
	h := History{Process: Process{Branch, id}}
	o.place.of = h.Process
	err := r.objects(o, "data", func(inner *object) {
		if request, ok := r.integer(inner, "id", "id"); ok {
			if e, ok := r.event2020(inner, request); ok {
				h.Events = append(h.Events, e)
			}
		}
	})
	r.branch(o, h)
	return err
}

// request2020 reads the element of a request in the form of 2020.
func (r *reader) request2020(o *object) error {
	r.doubles(o)
	r.trace.Edition = Edition2020
	r.trace.read.events = true
	request, ok := r.integer(o, "eventid", "eventid")
	if !ok {
		return nil
	}
	return r.objects(o, "data", func(inner *object) {
		if e, ok := r.event2020(inner, request); ok {
			r.trace.read.flat = append(r.trace.read.flat, flatEvent{Event: e})
		}
	})
}

// event2020 reads an event in the form of 2020.
func (r *reader) event2020(o *object, request int64) (Event, bool) {
	e := Event{Request: request, place: o.place}
	const needs = "such as deposit_propagate_request"
	name, ok := r.text(o, "name", needs)
	if !ok {
		return e, false
	}
	e.Operation, e.Step, ok = parseName2020(name)
	if !ok {
		r.faultAt(o, "name", `"name" must be the operation and a step, %s, got %q`, needs, name)
		return e, false
	}
	e.Clock, ok = r.integer(o, "clock", "clock")
	return e, ok
}
