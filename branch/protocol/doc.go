// Package protocol has the words of the protocol: the calls of customers, the messages
// between branches, what a step returns, and the errors. They are values. Packages
// broadcast and replica decide with them, and the rooms of a branch carry them.
package protocol
