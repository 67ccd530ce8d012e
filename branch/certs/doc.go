// Package certs reads the certificates of a bank from a folder, as a branch or a client has
// it, and says whom it believes. Files that change are taken up without a restart.
//
//	folder.go   Folder: what was read last, and when it is read again
//	files.go    the files: certificates, keys, and the list of what is revoked
//	verify.go   whom a certificate speaks for; known.go remembers it
//	config.go   the configurations for TLS, of servers and of those who call
//	expiry.go   warnings before a certificate ends
//
// The folder has
//
//	ca-branch.crt      who signs certificates of branches; several while a CA is replaced
//	ca-client.crt      who signs certificates of clients
//	branch.1.crt .key  the certificate of branch 1, and its key
//	client.ann.crt     the certificate of the client "ann"
//	revoked.json       certificates that are good no more
//	signers.json       certificates of branches whose CA is dropped: their signatures count
//
// It makes none: that is for 'passbook cert', or for any CA that puts the same URI into a
// certificate (package identity). The layout follows CockroachDB's folder of certificates.
package certs
