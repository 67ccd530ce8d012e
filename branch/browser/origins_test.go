package browser_test

import (
	"strings"
	"testing"

	"passbook.example/passbook/branch/browser"
)

func TestOriginsAreAsBrowsersWriteThem(t *testing.T) {
	for _, good := range []string{"http://localhost:5173", "https://bank.example", "http://10.0.0.1:8080", "http://[::1]:3000", "https://bank.example:80"} {
		if err := browser.CheckOrigin(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	bad := map[string]string{
		"*": "name each one", "https://*.example": "name each one",
		"": "must be SCHEME://HOST", "null": "must be SCHEME://HOST", "bank.example": "must be SCHEME://HOST", "localhost:5173": "must be SCHEME://HOST",
		"ftp://bank.example": "must be SCHEME://HOST", "http://": "must be SCHEME://HOST", "http://:80": "must be SCHEME://HOST", "http://a b": "must be SCHEME://HOST",
		"http://bank.example/": "as browsers write it: http://bank.example", "http://bank.example/page?a#b": "as browsers write it: http://bank.example",
		"https://Bank.Example:443": "as browsers write it: https://bank.example", "http://bank.example:80": "as browsers write it: http://bank.example",
		"http://me@bank.example": "as browsers write it: http://bank.example", "HTTP://bank.example": "as browsers write it: http://bank.example",
		"http://bank.example:": "as browsers write it: http://bank.example",
	}
	for text, want := range bad {
		if err := browser.CheckOrigin(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestHostsAreNames(t *testing.T) {
	for _, good := range []string{"bank.example", "Bank.Example.", "bank", "10.0.0.1", "::1"} {
		if err := browser.CheckHost(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "*", "*.example", "http://bank.example", "bank.example:80", "[::1]", "bank.example/", "a b", "a,b"} {
		if err := browser.CheckHost(bad); err == nil || !strings.Contains(err.Error(), "must be a host name") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
