package words

import "testing"

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"./passbook-data/three": "./passbook-data/three",
		"a b":                   "'a b'",
		"":                      "''",
		"it's":                  `'it'\''s'`,
		"$(rm)":                 "'$(rm)'",
		"~":                     "'~'",
	} {
		if got := Quote(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
