// Package token says whom a bearer token speaks for. A token is a JWT (RFC 7519) that an
// issuer has signed: somebody who knows the bank's customers, and whose keys the bank has
// from a file or fetches from the issuer itself, as OpenID Connect describes it.
//
//	token.go   Open and Check
//	header.go  what a token says before its signature is checked
//	claims.go  what it says then: whom it speaks for, and until when
//	cache.go   tokens that were checked, so a signature is checked once
//	keys.go    the keys of a set, each with the one algorithm that it is for
//	file.go    the set in a file, taken up when it changes
//	issuer.go  the set of an issuer, fetched anew when it has to be
//	fetch.go   how it is fetched: over HTTPS, bounded in size, time and redirects
//
// It follows RFC 8725, which says what goes wrong with JWTs. The algorithms are pinned: a
// key decides which one it is for, never a token.
package token
