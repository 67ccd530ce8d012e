package admit

import (
	"log/slog"
	"net/http"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// Refusals tell callers why they are refused, each in the protocol that the caller
// speaks.
type Refusals struct {
	// logger gets the causes that callers are not told.
	logger *slog.Logger
	// errors writes an error in the protocol of a request.
	errors *connect.ErrorWriter
	// told counts them.
	told Tally
}

// NewRefusals returns one that logs errors whose cause callers are not told.
func NewRefusals(logger *slog.Logger) *Refusals {
	return &Refusals{logger: logger, errors: connect.NewErrorWriter()}
}

// Refuse answers a request with an error, without reading it.
func (r *Refusals) Refuse(w http.ResponseWriter, req *http.Request, why error) {
	forbidStoring(w)
	err := r.errorOf(req, why)
	if !r.errors.IsSupported(req) {
		http.Error(w, why.Error(), statusOf(err))
		return
	}
	_ = r.errors.Write(w, req, err)
}

// errorOf returns an error as the caller is told it.
func (r *Refusals) errorOf(req *http.Request, why error) error {
	err := api.ConnectError(req.Context(), r.logger, req.URL.Path, why)
	r.told.Add(connect.CodeOf(err))
	return err
}

// Told returns how many callers were refused, by the code that they were told.
func (r *Refusals) Told() *Tally { return &r.told }

// forbidStoring keeps caches between from answering the next call with this
// answer, also if it was asked for by GET.
func forbidStoring(w http.ResponseWriter) { w.Header()["Cache-Control"] = noStore }

var noStore = []string{"no-store"}

// statusOf returns the HTTP status for callers who speak none of the protocols.
func statusOf(err error) int {
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeInvalidArgument:
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}
