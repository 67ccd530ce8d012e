package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The bounds of an attempt to fetch keys, which is two requests.
const (
	fetchTimeout   = 5 * time.Second
	maxRedirects   = 3
	maxHeaderBytes = 64 << 10
	maxURLBytes    = 2 << 10
)

// fetcher fetches the keys of an OpenID provider, as OpenID Connect Discovery 1.0 says.
type fetcher struct {
	issuer string
	// plain says that the issuer is on loopback, and may be reached in clear text there.
	plain  bool
	client http.Client
}

// newFetcher checks the URL of an issuer.
func newFetcher(issuer string, roots *x509.CertPool) (*fetcher, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("%.200q is no issuer of tokens: give the URL that their claim iss has, such as https://login.example.com/realm", issuer)
	}
	f := &fetcher{issuer: issuer, plain: u.Scheme == "http" && isLoopback(u.Hostname())}
	if err := f.check(u); err != nil {
		return nil, fmt.Errorf("the issuer of tokens: %w", err)
	}
	f.client = http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableKeepAlives:      true, // it is seldom used
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("it leads on for more than %d times", maxRedirects)
			}
			return f.check(req.URL)
		},
	}
	return f, nil
}

// check reports whether keys may come from a URL: whoever could change them on their way
// could make tokens.
func (f *fetcher) check(u *url.URL) error {
	if u.Scheme == "https" && u.Host != "" || f.plain && u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("%.200s is reached in clear text, where anybody on the way can put in other keys: use https", u)
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.IsLoopback()
}

// keys fetches the issuer's keys: first where they are, and then them.
func (f *fetcher) keys(ctx context.Context) (*keys, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	at := strings.TrimSuffix(f.issuer, "/") + "/.well-known/openid-configuration"
	text, err := f.get(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, nil, fmt.Errorf("%s is no configuration of an OpenID provider: %w", at, err)
	}
	if found.Issuer != f.issuer {
		return nil, nil, fmt.Errorf("%s is the configuration of %.200q, and must be that of %q, letter by letter", at, found.Issuer, f.issuer)
	}
	if len(found.Keys) > maxURLBytes {
		return nil, nil, fmt.Errorf("%s says that the keys are at a URL of %d bytes, and %d are taken at most", at, len(found.Keys), maxURLBytes)
	}
	if text, err = f.get(ctx, found.Keys); err != nil {
		return nil, nil, err
	}
	set, skipped, err := parseKeys(text)
	if err != nil {
		return nil, nil, fmt.Errorf("the keys at %s: %w", found.Keys, err)
	}
	return set, skipped, nil
}

// get gets what is at a URL.
func (f *fetcher) get(ctx context.Context, from string) ([]byte, error) {
	u, err := url.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("%.200q is no URL", from)
	}
	if err := f.check(u); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := f.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d %s", from, res.StatusCode, http.StatusText(res.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxSetBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	if len(text) > maxSetBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", from, maxSetBytes)
	}
	return text, nil
}
