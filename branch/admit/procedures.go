package admit

import (
	"net/http"
	"net/url"
	"strings"

	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Services are those that a branch offers, by whose calls they take. Their schemas
// say which of their procedures are streams.
type Services struct {
	// Customers are the names of those that customers call, Peers of those that
	// the other branches call.
	Customers, Peers []string
	// MaxWatchRequests bounds the requests in hand of procedures that answer one message
	// with a stream. It is more than the services let in: they say best why not.
	MaxWatchRequests int
}

// kind says how the messages of a call come and go, and so how long it may take.
type kind uint8

const (
	// unary takes one message and returns one, each in its time.
	unary kind = iota
	// watch takes one message in its time, and answers as long as there is
	// something to say.
	watch
	// lists takes and returns messages as long as the customer has any. Its
	// handler ends it when none come.
	lists
	// link is the same between branches. Until its hello is accepted little may
	// come on it.
	link
	// questions takes and returns messages for a limited time.
	questions
	// page is no call. It is over within the time of questions.
	page
)

// procedure is what is known of a call by its path.
type procedure struct {
	// kind says how its messages come and go.
	kind kind
	// get says that it answers GET.
	get bool
	// ofPeers says that peers call it, and not customers.
	ofPeers bool
	// large says that its reply may be large, listing that it is made here at some
	// cost.
	large, listing bool
	// share bounds it; nil for those whose handlers do.
	share *Share
	// handler serves it.
	handler http.Handler
}

// procedures are those of a branch.
type procedures struct {
	// known has by their paths those that have a schema, but for reflection.
	known map[string]procedure
	// services has by the names of services how their other procedures count.
	services map[string]procedure
	// metrics is for scrapes, which are no call, and cost what a status does.
	metrics procedure
	// page is for all other paths.
	page procedure
}

// newProcedures finds out about the services' procedures.
func newProcedures(offered Services) *procedures {
	s := newShares(offered.MaxWatchRequests)
	p := &procedures{known: map[string]procedure{}, services: map[string]procedure{}, metrics: procedure{share: s.customers, large: true}, page: procedure{kind: page, share: s.page}}
	for _, name := range offered.Customers {
		p.add(name, procedure{share: s.customers}, procedure{kind: watch, share: s.watches}, procedure{kind: lists})
	}
	for _, name := range offered.Peers {
		p.add(name, procedure{share: s.peers, ofPeers: true}, procedure{kind: watch, share: s.peers, ofPeers: true}, procedure{kind: link, ofPeers: true})
	}
	health := procedure{share: s.health}
	p.add(grpchealth.HealthV1ServiceName, health, procedure{kind: watch, share: s.health}, health)
	for _, name := range []string{grpcreflect.ReflectV1ServiceName, grpcreflect.ReflectV1AlphaServiceName} {
		p.services[name] = procedure{kind: questions, share: s.reflections}
	}
	return p
}

// add adds the procedures of a service: those that take one message and return one,
// those that answer one with a stream, and those that are streams in both directions.
func (p *procedures) add(service string, one, answers, both procedure) {
	p.services[service] = one
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	descriptor, ok := found.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return // it has no schema here, and is served as it is
	}
	for i := range descriptor.Methods().Len() {
		m := descriptor.Methods().Get(i)
		path, of := "/"+service+"/"+string(m.Name()), one
		switch {
		case m.IsStreamingClient():
			of = both
		case m.IsStreamingServer():
			of = answers
		default:
			options, _ := m.Options().(*descriptorpb.MethodOptions)
			of.get = options.GetIdempotencyLevel() == descriptorpb.MethodOptions_NO_SIDE_EFFECTS
			of.listing = path == bankv1connect.BranchServiceListEntriesProcedure || path == bankv1connect.BranchServiceGetBatchProcedure
			of.large = of.listing || path == bankv1connect.BranchServiceGetStatusProcedure
		}
		p.known[path] = of
	}
}

// handledBy makes a handler serve those that have a schema. A mux would look for the
// handler of each call anew, and need memory for that; here it is found once.
func (p *procedures) handledBy(next http.Handler) {
	for path, known := range p.known {
		known.handler = next
		if mux, ok := next.(*http.ServeMux); ok {
			known.handler, _ = mux.Handler(&http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}})
		}
		p.known[path] = known
	}
}

// of returns what is known of a call by its path, which names no branch.
func (p *procedures) of(path string) procedure {
	if known, ok := p.known[path]; ok {
		return known
	}
	service, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if other, ok := p.services[service]; ok {
		return other
	}
	if path == api.MetricsPath {
		return p.metrics
	}
	return p.page
}
