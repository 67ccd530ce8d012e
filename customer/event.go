package customer

import (
	"math"
	"strconv"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// Keys of the project with logical clocks.
const (
	requestsKey  = "customer-requests"
	requestIDKey = "customer-request-id"
)

// The keys of an event, and of a request: the hand-out of the project with logical clocks
// has customer-requests in the place of customer-request-id once.
var (
	eventKeys   = []string{"id", "interface", "money", "branch", "dest", "account", "from", "to", "consistency"}
	requestKeys = append([]string{requestIDKey, requestsKey}, eventKeys...)
)

// event reads one event. home is the branch it goes to if it names none. An
// event with problems is returned as far as it could be read; the whole file
// is refused then.
func (r *inputReader) event(v jsonfile.Value, at path, home int64, isRequest bool) Event {
	e := Event{Branch: home, Line: r.lines.of(v.Offset)}
	keys := eventKeys
	if isRequest {
		keys = requestKeys
	}
	o, ok := r.object(v, at, keys...)
	if !ok {
		return e
	}
	e.id(&o, isRequest)
	r.destination(&o, &e)
	word, ok := o.word("interface", string(Deposit), string(Withdraw), string(Query), string(Transfer))
	if !ok {
		return e
	}
	e.Interface = Interface(word)
	// Some files give a query money, which means nothing: it isn't looked at.
	if e.Interface != Query {
		e.Amount, _ = o.integer("money", 1, math.MaxInt64, "a positive integer")
	}
	e.accounts(&o)
	e.consistency(&o)
	return e
}

// id reads the label of an event. That of a request is an integer, if there is one, since
// it goes into the output; nothing depends on that of another event.
func (e *Event) id(o *object, isRequest bool) {
	if !isRequest {
		if v, ok := o.value("id"); ok {
			n, err := strconv.ParseInt(string(v.Raw), 10, 64)
			e.ID, e.HasID = n, err == nil
		}
		return
	}
	for _, key := range []string{requestIDKey, requestsKey, "id"} {
		if !o.has(key) {
			continue
		}
		if e.HasID {
			if key == requestsKey {
				o.problem(key, "a request has its id once, as %q or as %q", requestIDKey, requestsKey)
			}
			return
		}
		e.ID, e.HasID = o.integer(key, math.MinInt64, math.MaxInt64, anInteger)
	}
}

// destination reads which branch an event goes to: "branch" since 2023, "dest"
// before. A file in which any event names one is of the consistency dialects.
func (r *inputReader) destination(o *object, e *Event) {
	branch, dest := o.has("branch"), o.has("dest")
	key := "branch"
	switch {
	case branch && dest:
		o.problem("dest", `an event names its branch once, as "branch" or as "dest"`)
	case dest:
		key = "dest"
	case !branch:
		return
	}
	if r.input.Form == Basic {
		r.input.Form = Consistency
	}
	if id, ok := o.integer(key, math.MinInt64, math.MaxInt64, anInteger); ok {
		e.Branch = id
	}
}

// accounts reads the accounts of an event, all of them optional but the one
// that a transfer pays.
func (e *Event) accounts(o *object) {
	account, named := o.name("account")
	e.Account = account
	if e.Interface != Transfer {
		for _, key := range []string{"from", "to"} {
			if o.has(key) {
				o.problem(key, `only a transfer has this key; a %s names its "account"`, e.Interface)
			}
		}
		return
	}
	if from, ok := o.name("from"); ok {
		if named {
			o.problem("from", `a transfer names the account that pays once, as "from" or as "account"`)
		}
		e.Account = from
	}
	if !o.has("to") {
		o.problem("to", `missing; must be the account that is paid ("" for the shared one)`)
		return
	}
	to, ok := o.name("to")
	e.To = to
	if ok && e.To == e.Account {
		v, _ := o.value("to")
		o.problem("to", "must be another account than the one that pays, got %s", v)
	}
}

// consistency reads how a query is to be answered.
func (e *Event) consistency(o *object) {
	if !o.has("consistency") {
		return
	}
	if e.Interface != Query {
		o.problem("consistency", "only a query has this key")
		return
	}
	word, _ := o.word("consistency", "local", "strong")
	e.Strong = word == "strong"
}
