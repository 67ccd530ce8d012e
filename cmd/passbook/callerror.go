package main

import (
	"crypto/x509"
	"errors"
	"fmt"

	"passbook.example/passbook/cmd/passbook/internal/words"
	"passbook.example/passbook/customer"
)

// callError is the error of a call that did not succeed.
type callError struct {
	// where names the branch that was called.
	where string
	// again are the flags that repeat a write whose outcome may not be known;
	// otherwise empty.
	again string
	// open says that the call proved nothing, in clear text.
	open bool
	err  *customer.Error
}

// Unwrap returns the error within.
func (e *callError) Unwrap() error { return e.err }

// Error implements error.
func (e *callError) Error() string {
	if !e.err.Answered {
		return fmt.Sprintf("%s gave no answer: %s", e.where, words.Reason(e.err))
	}
	return fmt.Sprintf("%s: %s: %s", e.where, e.err.Code, words.Reason(e.err))
}

// Hints says what the user can do about it.
func (e *callError) Hints() []string {
	var lines []string
	if e.again != "" && e.err.Unknown() {
		lines = append(lines, fmt.Sprintf("it is not known whether it was recorded: the same command with %s tells, at any branch, and counts once", e.again))
	}
	if e.open && e.err.Sent && !e.err.Answered && !e.err.TimedOut() {
		lines = append(lines, "a branch that has certificates answers nothing in clear text: name them with --certs-dir")
	}
	if !e.open && e.err.Sent && !e.err.Answered && !e.err.TimedOut() {
		lines = append(lines, certificateHint(e.err))
	}
	if !e.err.Sent {
		lines = append(lines, "nothing was sent; 'passbook serve FILE' starts the branches of a file, and --base-port says on which ports")
	}
	return lines
}

// certificateHint says what to do about a connection over TLS that came to nothing: because
// of the branch's certificate, as this side sees it, or else perhaps of the client's.
func certificateHint(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "call the branch by a name that its certificate is for, or give it one for this name: 'passbook cert renew branch ID --host NAME'"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the ca-branch.crt in --certs-dir has not signed the certificate there: it is that of another bank, or an old one"
	}
	if _, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return "it is the branch's certificate, or one of its CAs, that is not good: 'passbook cert renew branch ID' makes another one"
	}
	return "a branch that does not believe a certificate ends the connection: 'passbook cert list' shows whether yours is good, and the branch's log says what it has refused"
}
