package customer

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"passbook.example/passbook/customer/lamport"
)

// Headers of a traced call; bank.v1.BranchService.GetTrace explains them.
const (
	clockHeader   = "Passbook-Lamport"
	requestHeader = "Passbook-Customer-Request"
	traceHeader   = "Passbook-Trace"
)

// clock is a customer's logical clock.
type clock struct{ now int64 }

// isTraced reports whether an event of that interface is one of a trace: the course's
// clocks don't tick for others.
func (i Interface) isTraced() bool { return i == Deposit || i == Withdraw }

// tick records that the customer sends event i, and returns what its calls carry. It is
// called once for each event, however often that is sent.
func (c *Customer) tick(i int) http.Header {
	e := &c.input.Events[i]
	if c.run.options.Trace == "" || !e.Interface.isTraced() {
		return nil
	}
	c.clock.now++
	c.sent = append(c.sent, lamport.Event{
		Request: c.numbers[i], Clock: c.clock.now, Operation: lamport.Operation(e.Interface), Step: lamport.Sent,
		Peer: lamport.Process{Kind: lamport.Customer, ID: c.input.ID},
	})
	return http.Header{
		clockHeader: {strconv.FormatInt(c.clock.now, 10)}, requestHeader: {strconv.FormatInt(c.numbers[i], 10)},
		traceHeader: {c.run.options.Trace},
	}
}

// withHeaders returns the context of a call that carries headers.
func withHeaders(ctx context.Context, h http.Header) context.Context {
	if h == nil {
		return ctx
	}
	ctx, call := connect.NewClientContext(ctx)
	for key, values := range h {
		call.RequestHeader()[key] = values
	}
	return ctx
}

// numbering says how a trace of an input numbers its requests.
type numbering struct {
	// fromFile says that they have the ids that the file gives them. Otherwise they are
	// counted, from 1, in file order.
	fromFile bool
	// note says why not, or that ids repeat; empty if all is as one expects.
	note string
}

// numbering returns how the requests of an input are numbered. The project with logical
// clocks gives each an id. In other dialects, ids may be missing, and each customer may
// count from 1: then they tell no request from another.
func (in *Input) numbering() numbering {
	first := make(map[int64]int) // the line of the first one with that id
	repeated := ""
	for _, c := range in.Customers {
		for i := range c.Events {
			e := &c.Events[i]
			if !e.Interface.isTraced() {
				continue
			}
			if !e.HasID {
				return numbering{note: fmt.Sprintf("%s:%d: this request has no id, so the trace numbers all requests in file order, from 1", in.Name, e.Line)}
			}
			if line, ok := first[e.ID]; ok && repeated == "" {
				repeated = fmt.Sprintf("%s:%d: the id %d occurs before, on line %d", in.Name, e.Line, e.ID, line)
			}
			first[e.ID] = e.Line
		}
	}
	switch {
	case repeated == "":
		return numbering{fromFile: true}
	case in.Form == Lamport:
		return numbering{fromFile: true, note: repeated + ": the trace can't tell these requests apart"}
	}
	return numbering{note: repeated + ", so the trace numbers all requests in file order, from 1"}
}

// TraceDoubts returns what is most likely a mistake in an input of which a trace is made.
func (in *Input) TraceDoubts() []string {
	if note := in.numbering().note; note != "" {
		return []string{note}
	}
	return nil
}

// numbers returns the numbers of the requests of each customer element, by event.
func (in *Input) numbers() [][]int64 {
	how := in.numbering()
	all := make([][]int64, len(in.Customers))
	next := int64(0)
	for i, c := range in.Customers {
		all[i] = make([]int64, len(c.Events))
		for j := range c.Events {
			e := &c.Events[j]
			switch {
			case !e.Interface.isTraced():
				continue
			case how.fromFile:
				all[i][j] = e.ID
			default:
				next++
				all[i][j] = next
			}
		}
	}
	return all
}

// encodeTrace returns the output with the trace of a report.
func encodeTrace(report *Report, form OutputForm) ([]byte, error) {
	if report.Trace == nil {
		return nil, fmt.Errorf("encode output: the replay was not traced, and %s needs that", form)
	}
	switch form {
	case Lamport:
		return lamport.Encode(report.Trace, lamport.Single, report.spelling())
	case Lamport2020:
		return lamport.Encode(report.Trace, lamport.Form2020, report.spelling())
	}
	return nil, fmt.Errorf("encode output: %s is three files", form)
}

func (r *Report) spelling() lamport.Spelling {
	if r.Spelling == "" {
		return lamport.Propogate
	}
	return r.Spelling
}

// part is one of several files of an output.
type part struct {
	form   lamport.Form
	suffix string
}

// parts are the files of [LamportParts].
var parts = []part{
	{lamport.PartCustomers, "-1-customers.json"}, {lamport.PartBranches, "-2-branches.json"}, {lamport.PartEvents, "-3-events.json"},
}

// OutputFiles returns the files that an output in a form is written to: most are one.
func OutputFiles(path string, form OutputForm) []string {
	if form != LamportParts {
		return []string{path}
	}
	files := make([]string, len(parts))
	for i, p := range parts {
		files[i] = strings.TrimSuffix(path, filepath.Ext(path)) + p.suffix
	}
	return files
}

// encodeFiles returns the content of each of the files of an output.
func encodeFiles(report *Report, form OutputForm) ([][]byte, error) {
	if form != LamportParts || report.Trace == nil {
		data, err := Encode(report, form)
		return [][]byte{data}, err
	}
	all := make([][]byte, len(parts))
	for i, p := range parts {
		data, err := lamport.Encode(report.Trace, p.form, report.spelling())
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}
