package name_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"passbook.example/passbook/branch/name"
)

func TestCheck(t *testing.T) {
	good := []string{
		"", "rent", "rent 2026", "a  b", "café", "Łódź", "東京", "крона", "naïve—fee", "“rent”", "50 %", "a_b-c:d/e.f@g", "🙂",
		strings.Repeat("x", name.MaxBytes), strings.Repeat("é", name.MaxBytes/2),
	}
	for _, text := range good {
		if err := name.Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	bad := []struct{ text, want string }{
		{strings.Repeat("é", name.MaxBytes/2) + "x", "has 129 bytes, at most 128 are allowed"},
		{" rent", "must not begin or end with a blank"},
		{"rent ", "must not begin or end with a blank"},
		{" ", "must not begin or end with a blank"},
		{"\u00a0rent", "must not begin or end with a blank"},
		{"rent\u3000", "must not begin or end with a blank"},
		{"rent\n", "must not begin or end with a blank"},
		{"no\u00a0break", "it has U+00A0"},
		{"line\u2028break", "it has U+2028"},
		{"tab\tbed", "it has U+0009"},
		{"esc\x1b[2J", "it has U+001B"},
		{"c1\u009b", "it has U+009B"},
		{"nul\x00", "it has U+0000"},
		{"zero\u200bwidth", "it has U+200B"},
		{"joi\u200dned", "it has U+200D"},
		{"\u202egnp.tner", "it has U+202E"},
		{"\u2066isolate", "it has U+2066"},
		{"\ufeffbom", "it has U+FEFF"},
		{"soft\u00adhyphen", "it has U+00AD"},
		{"heart\ufe0f", "it has U+FE0F"},
		{"\u3164", "it has U+3164"},
		{"\u2800", "it has U+2800"},
		{"private\ue000", "it has U+E000"},
		{"unassigned\U000e0fff", "it has U+E0FFF"},
		{"tag\U000e0041", "it has U+E0041"},
		{"caf\xe9", "must be UTF-8, and is not at byte 4"},
		{"caf\ufffd", "must not have U+FFFD"},
		{"\u0301e", "it has U+0301"}, // it would sit on what comes before
		{"\xed\xa0\x80", "must be UTF-8, and is not at byte 1"},
		{"cafe\u0301", `must be in Unicode's composed form (NFC), which is "caf\u00e9"; it is "cafe\u0301"`},
		{"\u212b", "must be in Unicode's composed form (NFC)"}, // the ångström sign
	}
	for _, test := range bad {
		err := name.Check(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+q: got %v, want %q", test.text, err, test.want)
		} else if name.Printable(err.Error()) != err.Error() {
			t.Errorf("%+q: the error shows it raw: %+q", test.text, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"rent 2026: café 東京", "rent 2026: café 東京"},
		{"a\x1b[31mb\x07", `a\u001b[31mb\u0007`},
		{"one\ntwo\r", `one\ntwo\r`},
		{"csi\u009b2J", `csi\u009b2J`},
		{"\u202eabc\u2069", `\u202eabc\u2069`},
		{"zero\u200bwidth", `zero\u200bwidth`},
		{"\xff\xfe", `\xff\xfe`},
		{"\u2028", `\u2028`},
		{"del\x7f", `del\u007f`},
		{"\U000e0041", `\udb40\udc41`},
		{"\ufffd", "\ufffd"},
	} {
		if got := name.Printable(test.text); got != test.want {
			t.Errorf("%+q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// A writer keeps the layout of what is written, and nothing else that is not seen;
// a program that reads JSON reads the same.
func TestWriter(t *testing.T) {
	var out bytes.Buffer
	w := name.NewWriter(&out)
	for _, text := range []string{"plain\ttable\n", `{"account": "` + "a\x7f\u202e\u009b\U000e0041" + `"}` + "\n", "bell\a\r\n"} {
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%+q: %d, %v", text, n, err)
		}
	}
	if want := "plain\ttable\n" + `{"account": "a\u007f\u202e\u009b\udb40\udc41"}` + "\n" + `bell\u0007\r` + "\n"; out.String() != want {
		t.Errorf("got %+q, want %+q", out.String(), want)
	}
	var read struct{ Account string }
	if err := json.Unmarshal([]byte(strings.Split(out.String(), "\n")[1]), &read); err != nil || read.Account != "a\x7f\u202e\u009b\U000e0041" {
		t.Errorf("read as JSON: %+q, %v", read.Account, err)
	}
}

// Whatever is shown moves no cursor, ends no line, and is UTF-8.
func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		shown := name.Printable(text)
		if !utf8.ValidString(shown) || name.Printable(shown) != shown {
			t.Errorf("%+q is shown as %+q", text, shown)
		}
		if name.Check(text) == nil && shown != text {
			t.Errorf("%+q is a name, and is shown as %+q", text, shown)
		}
	})
}
