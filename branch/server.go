package branch

import (
	"context"
	"log"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"passbook.example/passbook/branch/access"
	"passbook.example/passbook/branch/admit"
	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/browser"
	"passbook.example/passbook/branch/fault"
	"passbook.example/passbook/branch/feed"
	"passbook.example/passbook/branch/follow"
	"passbook.example/passbook/branch/link"
	"passbook.example/passbook/branch/login"
	"passbook.example/passbook/branch/metrics"
	"passbook.example/passbook/branch/service"
	"passbook.example/passbook/gen/bank/bankconnect"
	"passbook.example/passbook/gen/bank/v1/bankv1connect"
)

// Bounds of what comes in on a branch's port.
const (
	// maxCustomerMessage bounds a customer's request.
	maxCustomerMessage = 64 << 10
	// compressMinBytes is from where on a reply is compressed, if the customer
	// accepts that.
	compressMinBytes = 4 << 10
	// maxHeaderBytes bounds the headers of a request, and the URL of a GET.
	maxHeaderBytes = 32 << 10
	// maxWatchRequests is more than may watch and follow: those over that are told so.
	maxWatchRequests = 2*feed.MaxBankWatchers + 2*feed.MaxBranchWatchers + 2*follow.MaxFollowers + 2*follow.MaxBranchFollowers
	// maxStreams bounds the calls open at once on one connection.
	maxStreams = 1024
	// readHeaderTimeout and idleTimeout end connections that do nothing.
	// Streams have no other time-out: pings find those that are dead.
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = 5 * time.Minute
)

// newServer puts all services on one handler: Connect, gRPC and gRPC-Web, in
// JSON and binary, over HTTP/1.1 and HTTP/2, in clear text or over TLS.
func (b *Branch) newServer() {
	forCustomers, forPeers := b.handlerOptions()
	offered := admit.Services{
		Customers: []string{bankv1connect.BranchServiceName, bankconnect.BankName}, Peers: []string{bankv1connect.PeerServiceName},
		MaxWatchRequests: maxWatchRequests,
	}
	if b.cfg.Faults != nil {
		offered.Customers = append(offered.Customers, bankv1connect.FaultServiceName)
	}
	names := slices.Concat(offered.Customers, offered.Peers)
	b.services = names
	b.health = grpchealth.NewStaticChecker(names...)
	b.setHealth(grpchealth.StatusNotServing)
	reflector := grpcreflect.NewStaticReflector(append(names, grpchealth.HealthV1ServiceName)...)

	mux := http.NewServeMux()
	refusals := admit.NewRefusals(b.logger)
	if b.logins = b.newLogins(refusals); b.logins != nil {
		mux.Handle(login.Path, b.logins)
	}
	calls := b.serviceConfig()
	b.desk = service.NewCustomers(calls)
	mux.Handle(bankv1connect.NewBranchServiceHandler(b.desk, forCustomers...))
	mux.Handle(bankconnect.NewBankHandler(service.NewCourse(b.desk), forCustomers...))
	mux.Handle(bankv1connect.NewPeerServiceHandler(service.NewPeers(calls), forPeers...))
	mux.Handle(b.links.Handler(forPeers...))
	if b.cfg.Faults != nil {
		mux.Handle(bankv1connect.NewFaultServiceHandler(fault.NewService(b.linksCtx, b.cfg.Faults, b.cfg.Addresses), forCustomers...))
	}
	mux.Handle(api.MetricsPath, metrics.NewHandler(metrics.Config{Take: b.snapshot(refusals), Refuse: refusals.Refuse}))
	mux.Handle(grpchealth.NewHandler(b.health))
	mux.Handle(grpcreflect.NewHandlerV1(reflector))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(reflector))

	passing := browser.ProxyConfig{
		ID: b.cfg.ID, Addresses: b.cfg.Addresses, Gate: &b.gate, Refusals: refusals, MaxHeaderBytes: maxHeaderBytes, Logger: b.logger,
	}
	if b.cfg.Security != nil {
		to := b.cfg.toPeers()
		passing.Security = &to
	}
	b.proxy = browser.NewProxy(passing)
	mux.Handle(api.ProxyPattern, b.proxy)
	if b.cfg.Page != nil {
		mux.Handle("/", b.cfg.Page)
	}
	var handler http.Handler = admit.NewRequests(refusals, offered, mux)
	if b.cfg.Faults != nil {
		handler = b.breaker.Handler(handler)
	}
	b.connections = admit.NewConnections(b.listener, b.cfg.MaxConnections, b.pause())
	b.accepting = b.secureListener(b.connections, b.cfg.Security != nil && b.cfg.Security.Plain)
	if b.cfg.PeerListener != nil {
		b.ofPeers = admit.NewConnections(b.cfg.PeerListener, b.cfg.MaxConnections, b.pause())
		b.fromPeers = b.secureListener(b.ofPeers, false)
	}
	b.server = b.httpServer(b.tasks.Handler(browser.NewGuard(b.cfg.browsers(), refusals, b.asked(refusals, handler))))
}

// handlerOptions returns what all calls of customers have in common, and all calls
// of peers.
func (b *Branch) handlerOptions() (forCustomers, forPeers []connect.HandlerOption) {
	var options []connect.HandlerOption
	if b.cfg.Security != nil {
		options = append(options, connect.WithInterceptors(access.Outcomes{Tell: b.tell}))
	}
	if b.logger.Enabled(context.Background(), api.LevelCalls) {
		options = append(options, connect.WithInterceptors(admit.CallLog{Logger: b.logger}))
	}
	options = append(options, connect.WithInterceptors(api.ErrorInterceptor{Logger: b.logger}))
	for _, codec := range api.JSONCodecs() {
		options = append(options, connect.WithCodec(codec))
	}
	forCustomers = append(options[:len(options):len(options)], connect.WithConditionalHandlerOptions(customerMessageLimit), connect.WithCompressMinBytes(compressMinBytes), connect.WithInterceptors(&b.gate))
	// Hashes and small frames don't compress, and between branches the
	// processor is scarcer than the wire.
	forPeers = append(options[:len(options):len(options)], connect.WithReadMaxBytes(link.MaxMessage), connect.WithCompression("gzip", nil, nil))
	return forCustomers, forPeers
}

// httpServer serves handler, with the bounds of a connection.
func (b *Branch) httpServer(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ConnContext:       b.connection,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(&admit.ServerErrors{Logger: b.logger, Now: time.Now, Handshake: b.noHandshake}, "", 0),
		Protocols:         new(http.Protocols),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: 4<<20 - 1,
			MaxReceiveBufferPerStream:     3 << 20,
			MaxReadFrameSize:              16 << 10,
			SendPingTimeout:               30 * time.Second,
			PingTimeout:                   10 * time.Second,
		},
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// customerMessageLimit bounds a customer's message.
func customerMessageLimit(spec connect.Spec) []connect.HandlerOption {
	if spec.Procedure == bankv1connect.BranchServiceSubmitProcedure {
		return []connect.HandlerOption{connect.WithReadMaxBytes(service.MaxListMessage)}
	}
	return []connect.HandlerOption{connect.WithReadMaxBytes(maxCustomerMessage)}
}

// pause returns what holds everything that goes in or out while the branch is
// paused; nil when it never is.
func (b *Branch) pause() func() {
	if b.cfg.Faults == nil {
		return nil
	}
	return b.breaker.Pass
}

func (b *Branch) setHealth(s grpchealth.Status) {
	b.health.SetStatus("", s)
	for _, name := range b.services {
		b.health.SetStatus(name, s)
	}
}
