package admit

import (
	"net/http"
	"time"
)

// reply gives the one message of a reply its deadline when it begins, and notes
// that it is made.
type reply struct {
	http.ResponseWriter
	// to is the request that it answers.
	to *intake
	// begun says that it has.
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (r *reply) WriteHeader(status int) {
	r.begin()
	r.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (r *reply) Write(p []byte) (int, error) {
	r.begin()
	return r.ResponseWriter.Write(p)
}

func (r *reply) begin() {
	if !r.begun {
		r.begun = true
		r.to.made()
		_ = r.to.control.SetWriteDeadline(time.Now().Add(ReplyTimeout))
	}
}

// Flush implements http.Flusher.
func (r *reply) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// conversation gives each message of a stream that has no end its deadline.
type conversation struct{ http.ResponseWriter }

// Write implements io.Writer.
func (c *conversation) Write(p []byte) (int, error) {
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(time.Now().Add(ReplyTimeout))
	return c.ResponseWriter.Write(p)
}

// Flush implements http.Flusher. It is called after each message, and waits until
// that is sent. A deadline that is left would end an idle stream.
func (c *conversation) Flush() {
	control := http.NewResponseController(c.ResponseWriter)
	_ = control.Flush()
	_ = control.SetWriteDeadline(time.Time{})
}

// Unwrap is for http.ResponseController.
func (c *conversation) Unwrap() http.ResponseWriter { return c.ResponseWriter }
