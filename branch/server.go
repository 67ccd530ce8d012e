package branch

import (
	"context"
	"log"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/service"
	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Bounds of what comes in on a branch's port.
const (
	// maxCustomerMessage bounds a customer's request.
	maxCustomerMessage = 64 << 10
	// maxPeerMessage bounds a message between branches: a frame with a whole
	// window of batches, the last of which may be of the largest size.
	maxPeerMessage = 16 << 20
	// compressMinBytes is from where on a reply is compressed, if the customer
	// accepts that.
	compressMinBytes = 4 << 10
	// maxHeaderBytes bounds the headers of a request, and the URL of a GET.
	maxHeaderBytes = 32 << 10
	// maxStreams bounds the calls open at once on one connection.
	maxStreams = 1024
	// readHeaderTimeout and idleTimeout end connections that do nothing.
	// Streams have no other time-out: pings find those that are dead.
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 5 * time.Minute
)

// newServer puts all services on one handler: Connect, gRPC and gRPC-Web, in
// JSON and binary, over HTTP/1.1 and HTTP/2 in clear text.
func (b *Branch) newServer() {
	var options []connect.HandlerOption
	if b.logger.Enabled(context.Background(), api.LevelCalls) {
		options = append(options, connect.WithInterceptors(callLog{logger: b.logger}))
	}
	options = append(options, connect.WithInterceptors(api.ErrorInterceptor{Logger: b.logger}))
	for _, codec := range api.JSONCodecs() {
		options = append(options, connect.WithCodec(codec))
	}
	forCustomers := append(options[:len(options):len(options)], connect.WithConditionalHandlerOptions(customerMessageLimit), connect.WithCompressMinBytes(compressMinBytes), connect.WithInterceptors(b.gate))
	// Hashes and small frames don't compress, and between branches the
	// processor is scarcer than the wire.
	forPeers := append(options[:len(options):len(options)], connect.WithReadMaxBytes(maxPeerMessage), connect.WithCompression("gzip", nil, nil))

	names := []string{bankv1connect.BranchServiceName, bankv1connect.PeerServiceName, bankconnect.BankName}
	if b.cfg.Faults != nil {
		names = append(names, bankv1connect.FaultServiceName)
	}
	b.services = names
	b.health = grpchealth.NewStaticChecker(names...)
	b.setHealth(grpchealth.StatusNotServing)
	reflector := grpcreflect.NewStaticReflector(append(names, grpchealth.HealthV1ServiceName)...)

	mux := http.NewServeMux()
	calls := b.serviceConfig()
	b.desk = service.NewCustomers(calls)
	mux.Handle(bankv1connect.NewBranchServiceHandler(b.desk, forCustomers...))
	mux.Handle(bankconnect.NewBankHandler(service.NewCourse(b.desk), forCustomers...))
	mux.Handle(bankv1connect.NewPeerServiceHandler(service.NewPeers(calls), forPeers...))
	mux.Handle(bankv1connect.PeerServicePropagateProcedure, newLinkHandler(b.accept, forPeers...))
	if b.cfg.Faults != nil {
		mux.Handle(bankv1connect.NewFaultServiceHandler(fault.NewService(b.linksCtx, b.cfg.Faults, b.cfg.Addresses), forCustomers...))
	}
	mux.Handle(grpchealth.NewHandler(b.health))
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))

	b.connections = newConnections(b.listener, b.cfg.MaxConnections)
	q := newRequests(b, nil)
	q.next = explaining{next: mux, requests: q, procedures: proceduresOf(append(names, grpchealth.HealthV1ServiceName))}
	b.proxy = newProxy(q)
	mux.Handle(api.ProxyPattern, b.proxy)
	if b.cfg.Page != nil {
		mux.Handle("/", b.cfg.Page)
	}
	var handler http.Handler = q
	if b.cfg.Faults != nil {
		handler, b.connections.pause = b.breaker.Handler(handler), b.breaker.Pass
	}
	b.server = &http.Server{
		Handler:           b.tasks.handler(newBrowsers(b, q, handler)),
		ConnContext:       b.connections.remember,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(serverErrors{logger: b.logger}, "", 0),
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: 4<<20 - 1,
			MaxReceiveBufferPerStream:     256 << 10,
			MaxReadFrameSize:              16 << 10,
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   10 * time.Second,
		},
	}
	b.server.Protocols.SetHTTP1(true)
	b.server.Protocols.SetUnencryptedHTTP2(true)
}

// customerMessageLimit bounds a customer's message.
func customerMessageLimit(spec connect.Spec) []connect.HandlerOption {
	if spec.Procedure == bankv1connect.BranchServiceSubmitProcedure {
		return []connect.HandlerOption{connect.WithReadMaxBytes(service.MaxListMessage)}
	}
	return []connect.HandlerOption{connect.WithReadMaxBytes(maxCustomerMessage)}
}

func (b *Branch) setHealth(s grpchealth.Status) {
	b.health.SetStatus("", s)
	for _, name := range b.services {
		b.health.SetStatus(name, s)
	}
}
