package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"acount", "account", 1}, {"acconut", "account", 2}, {"to", "from", 3}, {"", "abc", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

// A file that isn't there is answered with the first of those that are.
func TestFilesNamedAreBounded(t *testing.T) {
	dir := t.TempDir()
	if got := filesIn(dir); got != "" {
		t.Errorf("an empty directory has %q", got)
	}
	writeFile(t, filepath.Join(dir, usualOutput), "[]")
	if got := filesIn(dir); got != "" {
		t.Errorf("a directory with an output alone has %q", got)
	}
	for i := range 100 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%02d.json", i)), "")
	}
	if err := os.Mkdir(filepath.Join(dir, "a.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := filesIn(dir)
	if want := "; " + dir + " has 00.json, 01.json, "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, fmt.Sprintf(", %d more", 100-maxNamedFiles)) {
		t.Errorf("%q", got)
	}
}
