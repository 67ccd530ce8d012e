// Package link has the links of one branch to its peers: streams on which both
// branches of a pair send frames of the protocol, and the calls between them that
// are no stream.
//
// A frame on its way:
//
//	engine → Links.Send → outbox → stream → peer's link → peer's engine
//
// The branch with the lower id dials, and the other one accepts. A link that breaks
// is dialed again, and says nothing about what has arrived: the replica counts on
// acks, so an outbox that is full drops frames, and a link that ends forgets them.
//
//	links.go     Links: what the rest of a branch can do with them
//	peer.go      one peer, and the claims and looks that it is asked for; calls.go:
//	             how many at once
//	link.go      one link, from its stream's beginning to its end; dialing
//	accept.go    accepting, and the greeting
//	outbox.go    what waits to be sent; gather.go: what goes as one message
//	wire.go      the stream: its messages and their codec; encode.go: frames that
//	             are sent; decode.go: those that are received
//	signed.go    signatures of what comes, and certificates for what is sent
//	stamps.go    logical clocks, which travel with frames
//	refusals.go  what becomes of messages that are refused
//	log.go       which links are down for long; notes.go: what links tell it
//
// It knows the protocol's messages, the API, and the transport (package peernet). The
// engine, and the bounds on what comes in, it knows by the interfaces in links.go.
// Package branch puts the links together; services and the feed call peers through
// them.
package link
