package browser

import (
	"net/http"
	"strconv"
)

// statusHeader is for pages. A browser writes each status of an error into the
// console of the page, as if something had gone wrong there; but a branch that
// refuses a withdrawal does as it should. A request that has this header gets the
// status of an error in it, and 200 in the first line.
const statusHeader = "Passbook-Status"

// withStatusHeader returns w, or what writes to it as the request wants it.
func withStatusHeader(w http.ResponseWriter, req *http.Request) http.ResponseWriter {
	if req.Header.Get(statusHeader) == "" {
		return w
	}
	return &statusReply{ResponseWriter: w}
}

// statusReply writes the status of an error into a header.
type statusReply struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *statusReply) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.Header().Set(statusHeader, strconv.Itoa(status))
		status = http.StatusOK
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the writer that http.ResponseController controls.
func (w *statusReply) Unwrap() http.ResponseWriter { return w.ResponseWriter }
