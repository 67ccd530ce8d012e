// Package customer is the bank's other side: a customer bound to a branch, and
// the replay of a whole file of them.
//
// [ReadInput] reads an input.json in any of the course's dialects and refuses
// what it can't replay, with the place in the file. [Replay] runs the events
// against the branches over HTTP/2. [Encode] and [WriteOutput] turn what the
// customers received into output.json.
//
// An event ends in one of three ways, which are never mixed up: it succeeds,
// the bank refuses it (insufficient funds, which is an answer), or it fails by
// name (the branch does not exist, can't be reached, or gave an error). A
// failed event does not stop the others.
//
// What an error of a call means is said once, by [Error]: whether the branch
// answered, whether a write may be recorded all the same, and whether to ask again.
// The commands that make single calls use it, too.
package customer
