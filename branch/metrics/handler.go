package metrics

import (
	"cmp"
	"context"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"passbook.example/passbook/branch/code"
)

// Config is what a Handler works with.
type Config struct {
	// Take takes a snapshot.
	Take func(context.Context) (*Snapshot, error)
	// Refuse tells a caller why he gets none.
	Refuse func(w http.ResponseWriter, req *http.Request, why error)
}

// Handler answers scrapes. Whoever lets them in bounds how many there are at once, and who
// may ask.
type Handler struct{ cfg Config }

// NewHandler returns a handler of scrapes.
func NewHandler(cfg Config) *Handler { return &Handler{cfg} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	// A scrape has no message. Whoever bounds scrapes counts them once that is clear.
	if n, err := io.Copy(io.Discard, io.LimitReader(req.Body, 1)); err != nil || n > 0 {
		h.cfg.Refuse(w, req, cmp.Or(err, errMessage))
		return
	}
	snapshot, err := h.cfg.Take(req.Context())
	if err != nil {
		h.cfg.Refuse(w, req, err)
		return
	}
	families, err := gather(snapshot)
	if err != nil {
		h.cfg.Refuse(w, req, code.Errorf(code.Internal, "what this branch knows can't be written for Prometheus: %w", err))
		return
	}
	gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	promhttp.HandlerFor(gathered, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, req)
}

var errMessage error = code.New(code.InvalidArgument, "a scrape has no message: send GET without a body")

// gather returns a snapshot by the names of its metrics.
func gather(s *Snapshot) ([]*dto.MetricFamily, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collector{s}); err != nil {
		return nil, err
	}
	return registry.Gather()
}
