// Package protocol has the types of the protocol: the calls of customers, the
// messages between branches, the results of a step, and the errors. They are plain
// values. Packages broadcast and replica decide on them, and the rooms of a branch
// carry them.
package protocol
