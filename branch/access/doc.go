// Package access says who may call what, in a bank that has certificates. It is there
// for no other: where nobody can prove who he is, everybody who reaches a port may do
// everything.
//
//	table.go    the one table: which roles may call which procedure
//	handler.go  the handler that asks who calls, before a message is read
//	proof.go    who proves what: by a certificate, a token, or a login of the page
//
// What a customer may do with which account is checked where the account is known, in
// package service, with [identity.MayUse].
package access
