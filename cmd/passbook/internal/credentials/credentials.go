// Package credentials is how a command proves to the branches who it is: by a certificate
// from a folder, by a token from a file, or not at all, as a bank on loopback has it.
package credentials

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Options say what a command has to prove who it is.
type Options struct {
	// CertsDir is the directory with the certificates of the branches' CA, and with that of
	// the client, unless it has a token; empty for a bank without certificates.
	CertsDir string
	// Client is whose certificate is used; empty if the directory has but one.
	Client string
	// TokenFile is the file with a bearer token; empty for none.
	TokenFile string
}

// maxTokenBytes bounds a token, as branches do.
const maxTokenBytes = 8 << 10

// TLS returns how to connect to branches; package certs has the real one.
type TLS func(dir, client string, optional bool) (*tls.Config, error)

// Check says what is wrong with the options.
func (o *Options) Check() error {
	if o.CertsDir == "" && (o.Client != "" || o.TokenFile != "") {
		return errors.New("--client and --token-file are for a bank with certificates: name the directory with that of its CA with --certs-dir")
	}
	return nil
}

// Secured reports whether the bank has certificates.
func (o *Options) Secured() bool { return o.CertsDir != "" }

// URL returns the URL of a branch.
func (o *Options) URL(address string) string {
	if o.Secured() {
		return "https://" + address
	}
	return "http://" + address
}

// Apply makes a client prove who calls with it.
func (o *Options) Apply(client *http.Client, connect TLS) error {
	if !o.Secured() {
		return nil
	}
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		return fmt.Errorf("a client with transport %T can't prove anything", client.Transport)
	}
	cfg, err := connect(o.CertsDir, o.Client, o.TokenFile != "")
	if err != nil {
		return err
	}
	transport.TLSClientConfig = cfg
	if o.TokenFile == "" {
		return nil
	}
	token, err := readToken(o.TokenFile)
	if err != nil {
		return err
	}
	client.Transport = &bearer{Transport: transport, header: "Bearer " + token}
	return nil
}

// readToken reads a token, with or without a line end.
func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxTokenBytes+2))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(token) > maxTokenBytes || strings.ContainsAny(token, " \t\r\n\x00") {
		return "", fmt.Errorf("--token-file: %s must have one token, of %d bytes at most", path, maxTokenBytes)
	}
	return token, nil
}

// bearer sends a token with each call.
type bearer struct {
	*http.Transport
	// header is that of each request.
	header string
}

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return nil, errors.New("a token is not sent in clear text")
	}
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", b.header)
	return b.Transport.RoundTrip(out)
}
