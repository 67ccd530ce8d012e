package main

import "context"

// farPeer is what a user would pick instead of Passbook, with servers at the sites.
type farPeer struct {
	name string
	// change adds an amount, possibly negative, to an account, for a caller at a site.
	// It reports false when the balance does not cover it.
	change func(ctx context.Context, site, caller int, id, account string, amount int64) (done bool, err error)
	// check returns an error unless the servers have the places that they are to have.
	check func(context.Context) error
	close func(*bench) error
}

// farCallers is how many callers a site has.
const farCallers = 8
