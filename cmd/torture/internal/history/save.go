package history

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// Save writes down what the customers saw, a line for each write and read.
func (h *History) Save(dir string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := os.Create(filepath.Join(dir, "history.jsonl"))
	if err != nil {
		return err
	}
	out := json.NewEncoder(f)
	for _, w := range h.Writes {
		err = errors.Join(err, out.Encode(w))
	}
	for _, r := range h.Reads {
		err = errors.Join(err, out.Encode(r))
	}
	for _, l := range h.Losses {
		err = errors.Join(err, out.Encode(l))
	}
	return errors.Join(err, f.Close())
}
