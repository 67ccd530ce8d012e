// Package admit decides which calls a branch takes, how many at once, and for how
// long, so that nobody who reaches its port can keep the others from it. Whoever
// is refused is told why, in the protocol of the call.
//
// It has four kinds of bounds:
//
//	Gate         counts, until it is shut; then it is waited for (gate.go)
//	Share        bounds what one kind of calls takes; of those that do nothing,
//	             the one that has done so for longest gives way (share.go)
//	Connections  bounds the connections, of each address and of all
//	             (connections.go, addresses.go)
//	places       for replies that are large, for which calls wait (large.go)
//
// A request passes from the connection that it comes on (connections.go, wire.go) through
// Requests (requests.go), which knows from the schema how the messages of each
// call come and go (procedures.go), into its share (shares.go). It is counted as
// silent until its message has come (intake.go), and its reply has a time
// (replies.go). explain.go answers those who speak no protocol, calllog.go logs.
//
// Package admit knows the errors and paths of package api, and nothing of what a
// call does. Packages service and browser know it. Links meet it by interfaces of
// their own. Package branch puts it between its port and its services.
package admit
