package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"passbook.example/passbook/branch/identity"
)

// Server returns how a branch takes connections over TLS. It asks for a certificate, and
// takes connections without one: a client may have a token.
func (f *Folder) Server(branch uint32) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c, err := f.Signing(branch)
			return &c, err
		},
		// It also runs when a session is resumed, unlike VerifyPeerCertificate.
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := f.Identify(&state)
			return err
		},
	}
}

// Peer returns how a branch connects to another one. The certificate there must be that
// branch's; under which name it is reached does not count.
func (f *Folder) Peer(from, to uint32) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies more: which branch it is
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c, err := f.Signing(from)
			return &c, err
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := f.now().identify(state.PeerCertificates, f.clock(), x509.ExtKeyUsageServerAuth)
			if err != nil {
				return fmt.Errorf("the certificate at branch %d: %w", to, err)
			}
			if id.Branch != to {
				return fmt.Errorf("the certificate at branch %d is that of %s: check the addresses", to, id)
			}
			return nil
		},
	}
}

// Identify returns who has proven to be at the other side of a connection that was
// accepted. It returns nobody where no certificate was given, and an error if the one that
// was given is good no more.
func (f *Folder) Identify(state *tls.ConnectionState) (*identity.Identity, error) {
	if len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	return f.known.identify(f, state.PeerCertificates)
}

// Signing returns the certificate of a branch, and its key.
func (f *Folder) Signing(branch uint32) (tls.Certificate, error) {
	if c, ok := f.read().pairs[branch]; ok {
		return c, nil
	}
	return tls.Certificate{}, fmt.Errorf("%s has no certificate of branch %d", f.dir, branch)
}

// SignerOf returns the branch for which a chain of certificates speaks, the first of which
// is its own. It may have expired by now, or its CA may have been dropped with the
// certificate in SignersFile: what it signed when it was good stays signed.
func (f *Folder) SignerOf(chain [][]byte) (branch uint32, leaf *x509.Certificate, err error) {
	all, err := parse(chain)
	if err != nil {
		return 0, nil, err
	}
	t := f.now()
	id, err := identity.OfCertificate(all[0])
	switch {
	case err != nil:
		return 0, nil, err
	case id.Branch == 0 || id.Bank != t.bank:
		return 0, nil, fmt.Errorf("it is that of %s, and no branch's of bank %q", id, t.bank)
	case !IsP256(all[0].PublicKey):
		return 0, nil, errors.New("its key is none of ECDSA on P-256, which journals are signed with")
	}
	if known, ok := t.signers[FingerprintOf(all[0])]; ok && known == id.URI().String() {
		return id.Branch, all[0], nil // its CA may be dropped by now
	}
	// At either end of its time: a CA that was renewed with its old key begins to be good
	// after certificates which it has signed.
	err = t.verify(id, all, all[0].NotBefore, x509.ExtKeyUsageClientAuth)
	if err != nil {
		err = t.verify(id, all, all[0].NotAfter, x509.ExtKeyUsageClientAuth)
	}
	if err != nil {
		return 0, nil, err
	}
	return id.Branch, all[0], nil
}

// RevokedAfter returns the last entry that a branch may have signed with a certificate
// that was revoked. It reports false for one that was not.
func (f *Folder) RevokedAfter(c Fingerprint) (sequence uint64, ok bool) {
	r, ok := f.now().revoked[c]
	return r.After, ok
}

// ClientConfig returns how a client connects to the branches of a bank: with its
// certificate from the folder, unless it has something else to prove who it is. An empty
// name stands for the only one that there is. The server must be a branch, of the client's
// bank if that has a certificate, and its certificate must be for the name by which it is
// reached, and not be on the list of what is revoked, as the folder has it now.
func ClientConfig(dir, client string, optional bool) (*tls.Config, error) {
	cas, err := ReadCertificates(dir, BranchCAFile)
	if err != nil {
		return nil, fmt.Errorf("--certs-dir: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
	for _, c := range cas {
		cfg.RootCAs.AddCert(c)
	}
	listed, err := ReadRevocations(dir)
	if err != nil {
		return nil, fmt.Errorf("--certs-dir: %w", err)
	}
	server := &servers{revoked: make(map[Fingerprint]Revocation, len(listed))}
	for _, r := range listed {
		server.revoked[r.Certificate] = r
	}
	cfg.VerifyConnection = server.check
	name := ClientFile(client)
	if client == "" {
		if name, err = onlyClient(dir); err != nil {
			if optional {
				return cfg, nil
			}
			return nil, err
		}
	}
	pair, err := ReadPair(dir, name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("--certs-dir: %s has no certificate of client %q: %w", dir, client, err)
		}
		return nil, fmt.Errorf("--certs-dir: %w", err)
	}
	own, err := identity.OfCertificate(pair.Leaf)
	if err != nil {
		return nil, fmt.Errorf("--certs-dir: %s.crt: %w", name, err)
	}
	server.bank, cfg.Certificates = own.Bank, []tls.Certificate{pair}
	return cfg, nil
}

// servers says which servers a client believes, of those whose CA and name are right.
type servers struct {
	// bank is the client's; empty for any.
	bank    string
	revoked map[Fingerprint]Revocation
}

// check is tls.Config.VerifyConnection.
func (s *servers) check(state tls.ConnectionState) error {
	c := state.PeerCertificates[0]
	id, err := identity.OfCertificate(c)
	if err != nil {
		return err
	}
	r, revoked := s.revoked[FingerprintOf(c)]
	switch {
	case id.Branch == 0:
		return fmt.Errorf("the server's certificate is that of %s, and no branch's", id)
	case s.bank != "" && id.Bank != s.bank:
		return fmt.Errorf("the server's certificate is that of %s, and the client's is of bank %q", id, s.bank)
	case revoked:
		return fmt.Errorf("the server's certificate, of %s, was revoked at %s", id, r.At.UTC().Format(time.RFC3339))
	}
	return nil
}

// onlyClient returns the name of the files of the only client in a folder.
func onlyClient(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(globSafe(dir), "client.*.crt"))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("--certs-dir: %s has no certificate of a client; 'passbook cert create-client' makes one, and --token-file names a token instead", dir)
	case 1:
		return strings.TrimSuffix(filepath.Base(found[0]), ".crt"), nil
	}
	return "", fmt.Errorf("--certs-dir: %s has certificates of %d clients; say which to use with --client", dir, len(found))
}

// globSafe returns a directory as a pattern that matches it alone.
func globSafe(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}
