// Package ledger adds entries up to balances and escrow.
//
// A bank is N journals, each written by one branch alone. A ledger is the fold
// over all of them as far as one branch has applied them: for every account
// the escrow of every branch, for every journal its head. The balance of an
// account is the sum of its escrows, and a branch spends only out of its own escrow
// (O'Neil, The Escrow Transactional Method, 1986). Only the owner of an escrow
// lowers it, and never below zero, so no order of events overdraws an account.
//
// The package is pure: no I/O, no clock, no goroutine, and no result that
// depends on the order of a map.
package ledger
