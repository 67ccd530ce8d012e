package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// draw writes a chart to the folder of --charts; without that flag, nothing.
func (b *bench) draw(file string, write func(io.Writer) error) error {
	dir := b.options.charts
	if dir == "" {
		return nil
	}
	var svg bytes.Buffer
	if err := write(&svg); err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	return os.WriteFile(filepath.Join(dir, file), svg.Bytes(), 0o644)
}
