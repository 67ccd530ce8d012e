// Package peernet carries calls and streams between branches: over TCP, and
// through memory where the branches share a process. The memory between two
// branches looks like HTTP/2 to the caller, the handler and everything between
// them, so nobody else has to know which way a call goes.
//
//	transport.go   Transport, and the client that finds a call's address
//	messages.go    the messages of a stream as they go out over TCP
//	secure.go      the same over TLS, for branches that have certificates
//	neighbours.go  the branches of this process
//	exchange.go    one call through memory: its request and its response
//	flow.go        the bytes of a response on their way
//
// It knows HTTP, and neither what branches say to each other nor the protocol
// that they say it in. The links (package link) dial through it; package branch
// makes it, and tells it which branches this process has.
package peernet
