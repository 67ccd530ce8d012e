package files

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesNamedAreBounded(t *testing.T) {
	dir := t.TempDir()
	if got := filesIn(dir); got != "" {
		t.Errorf("an empty directory has %q", got)
	}
	write(t, filepath.Join(dir, UsualOutput), "[]")
	if got := filesIn(dir); got != "" {
		t.Errorf("a directory with an output alone has %q", got)
	}
	for i := range 100 {
		write(t, filepath.Join(dir, fmt.Sprintf("%02d.json", i)), "")
	}
	if err := os.Mkdir(filepath.Join(dir, "a.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	got := filesIn(dir)
	if want := "; " + dir + " has 00.json, 01.json, "; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, fmt.Sprintf(", %d more", 100-maxNamedFiles)) {
		t.Errorf("%q", got)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
