package files

import (
	"testing"

	"passbook.example/passbook/cmd/passbook/internal/words"
)

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
		if got := DefaultData(file, "bank"); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func TestDefaultDataOfABank(t *testing.T) {
	for bank, want := range map[string]string{"bank": "./passbook-data/three", "red": "./passbook-data/three-red", "../x": "./passbook-data/three-..-x"} {
		if got := DefaultData("three.json", bank); got != want {
			t.Errorf("%s: %s, want %s", bank, got, want)
		}
	}
}

// The suggested command is the one that was given, with another directory.
func TestCommandWith(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "a b.json"}, "serve 'a b.json' --data=x"},
		{[]string{"serve", "--data", "old", "three.json", "--base-port", "9"}, "serve three.json --base-port 9 --data=x"},
		{[]string{"run", "--data=old", "--", "-three.json"}, "run --data=x -- -three.json"},
	} {
		if got := commandWith(tt.args, "x"); got != words.Program()+" "+tt.want {
			t.Errorf("%q: %s, want %s", tt.args, got, tt.want)
		}
	}
}
