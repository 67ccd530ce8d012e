package branch_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each threat in docs/security.md names tests, and each test that is named there and in its
// sister files exists.
func TestThreatsHaveTests(t *testing.T) {
	doc, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests bytes.Buffer
	for _, root := range []string{".", "../web", "../cmd"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			tests.Write(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sisters, err := filepath.Glob("../docs/security-*.md")
	if err != nil || len(sisters) < 4 {
		t.Fatal(sisters, err)
	}
	for _, file := range sisters {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1) {
			if !bytes.Contains(tests.Bytes(), []byte("\nfunc "+name[1]+"(")) {
				t.Errorf("%s: no test is called %s", file, name[1])
			}
		}
	}
	_, table, ok := strings.Cut(string(doc), "| threat | what stops it | test | what remains |\n|---|---|---|---|\n")
	if !ok {
		t.Fatal("docs/security.md has no table of threats")
	}
	rows := 0
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		rows++
		named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(row, -1)
		if cells := strings.Count(row, "|"); len(named) == 0 || cells != 5 {
			t.Errorf("this row has %d tests and %d cells: %s", len(named), cells-1, row)
		}
		for _, name := range named {
			if !bytes.Contains(tests.Bytes(), []byte("\nfunc "+name[1]+"(")) {
				t.Errorf("no test is called %s", name[1])
			}
		}
	}
	if rows < 15 {
		t.Errorf("the table has %d rows", rows)
	}
}
