// Package code gives errors the code that a call ends with. An error says its code
// itself, where it is made: nothing else in Passbook lists which errors have which.
//
// The pure packages use it, so it knows neither Connect nor HTTP. The meaning of
// each code for a customer is in README.md, "What a call can say".
package code

import (
	"errors"
	"fmt"
)

// Code is why a call failed. The numbers are those of gRPC and Connect:
// https://connectrpc.com/docs/protocol#error-codes.
type Code uint32

// The codes that Passbook answers with.
const (
	Canceled           Code = 1
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	AlreadyExists      Code = 6
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	OutOfRange         Code = 11
	Unimplemented      Code = 12
	Internal           Code = 13
	Unavailable        Code = 14
	DataLoss           Code = 15
	Unauthenticated    Code = 16
)

// Error is an error without figures, which callers compare with errors.Is.
type Error struct {
	// code is what a call that fails with the error ends with.
	code Code
	// field is the field of the request that is at fault; empty for none.
	field string
	// text is what Error returns.
	text string
	// cause is the error that is wrapped; nil for none.
	cause error
}

// New returns an error with a code and a text.
func New(c Code, text string) *Error { return &Error{code: c, text: text} }

// Errorf is New with a formatted text. It wraps what %w names, as fmt.Errorf does.
func Errorf(c Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{code: c, text: err.Error(), cause: errors.Unwrap(err)}
}

// Field returns an error that refuses a call for what one field of its request
// says.
func Field(field, text string) *Error {
	return &Error{code: InvalidArgument, field: field, text: text}
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Unwrap returns the error that is wrapped; nil for none.
func (e *Error) Unwrap() error { return e.cause }

// Code returns the code that a call which fails with the error ends with.
func (e *Error) Code() Code { return e.code }

// Field returns the name of the request's field that is at fault; empty for none.
func (e *Error) Field() string { return e.field }
