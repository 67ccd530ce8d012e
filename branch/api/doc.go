// Package api is what the rooms of a branch have in common at the edge of the
// network: errors and the one place where they become Connect errors, conversions
// between the messages of bank.v1 and the values of the ledger and the replica,
// the JSON of the API, the names of procedures, and the levels of the log.
//
// It knows no room, and every room may know it.
package api
