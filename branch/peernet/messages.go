package peernet

import (
	"encoding/binary"
	"io"
	"net/http"
	"strings"
)

// prefixBytes is the size of what gRPC has before each message of a stream: a byte
// of flags, and the message's length in four.
const prefixBytes = 5

// wholeMessages makes the request of a stream go out message by message, and returns
// other requests as they are. Connect writes the prefix and the message one after
// the other, and package net/http would make a frame of HTTP/2 and a system call of
// each: with 3 processes and one caller, a deposit took a tenth more CPU.
func wholeMessages(req *http.Request) *http.Request {
	if req.ContentLength >= 0 || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/grpc") {
		return req
	}
	stream := *req
	stream.Body = &messageReader{ReadCloser: req.Body}
	return &stream
}

// messageReader reads the messages that Connect writes to a pipe, in pieces that
// hold a prefix and as much of its message as there is room for.
type messageReader struct {
	io.ReadCloser
	// left is how much of the message that has begun is not read yet.
	left int64
}

// Read implements io.Reader.
func (r *messageReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	switch {
	case r.left > 0:
		r.left -= int64(n)
		return n, err
	case err != nil || n != prefixBytes || len(p) == n:
		return n, err
	}
	if r.left = int64(binary.BigEndian.Uint32(p[1:prefixBytes])); r.left == 0 {
		return n, nil
	}
	m, err := r.ReadCloser.Read(p[n:])
	r.left -= int64(m)
	return n + m, err
}
