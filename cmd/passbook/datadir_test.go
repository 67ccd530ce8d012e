package main

import "testing"

func TestDefaultData(t *testing.T) {
	for file, want := range map[string]string{
		"examples/three.json":     "./passbook-data/three",
		"three.json":              "./passbook-data/three",
		"/tmp/a b/course-50.json": "./passbook-data/course-50",
		"three.v2.json":           "./passbook-data/three.v2",
		"three":                   "./passbook-data/three",
		".json":                   "./passbook-data/.json",
		"/dev/stdin":              "./passbook-data/stdin",
	} {
		if got := defaultData(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"./passbook-data/three": "./passbook-data/three",
		"a b":                   "'a b'",
		"":                      "''",
		"it's":                  `'it'\''s'`,
		"$(rm)":                 "'$(rm)'",
		"~":                     "'~'",
	} {
		if got := quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
