package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Names of files in the folder.
const (
	BranchCAFile = "ca-branch.crt"
	ClientCAFile = "ca-client.crt"
	RevokedFile  = "revoked.json"
	SignersFile  = "signers.json"
)

// BranchFile and ClientFile return the name of the files of a branch or a client, without
// .crt or .key. A client's name may have what the name of a file can't.
func BranchFile(id uint32) string { return fmt.Sprintf("branch.%d", id) }

// ClientFile is BranchFile for a client.
func ClientFile(name string) string { return "client." + url.PathEscape(name) }

const (
	// maxFileBytes bounds a file that is read.
	maxFileBytes = 1 << 20
	// maxListBytes bounds a list that is read.
	maxListBytes = 64 << 20
	// maxCertificates bounds the certificates in one file.
	maxCertificates = 64
)

// readFile reads a file of the folder.
func readFile(dir, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxFileBytes)
	}
	return data, nil
}

// ReadCertificates reads the certificates in a file of a folder, at least one.
func ReadCertificates(dir, name string) ([]*x509.Certificate, error) {
	data, err := readFile(dir, name)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if len(all) == maxCertificates {
			return nil, fmt.Errorf("%s has more than %d certificates", name, maxCertificates)
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s has a %q, where only certificates may be", name, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", name, len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no certificate in PEM form", name)
	}
	return all, nil
}

// ReadPair reads a certificate of a folder, with those of the CAs between, and its key,
// which must be private. The name is that of the files without .crt and .key.
func ReadPair(dir, name string) (tls.Certificate, error) {
	chain, err := ReadCertificates(dir, name+".crt")
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := checkPrivate(dir, name+".key"); err != nil {
		return tls.Certificate{}, err
	}
	data, err := readFile(dir, name+".key")
	if err != nil {
		return tls.Certificate{}, err
	}
	pair := tls.Certificate{Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	key, err := parseKey(data)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.key: %w", name, err)
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return tls.Certificate{}, fmt.Errorf("%s.key is not the key of %s.crt: one of them is older than the other", name, name)
	}
	pair.PrivateKey = key
	return pair, nil
}

// parseKey reads a key in any of the forms that openssl and other CAs write.
func parseKey(data []byte) (crypto.Signer, error) {
	var block *pem.Block
	for {
		if block, data = pem.Decode(data); block == nil {
			return nil, errors.New("it has no key in PEM form")
		}
		if block.Type != "EC PARAMETERS" { // openssl writes them before a key
			break
		}
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it has a %q that is no key in PKCS #8, SEC 1 or PKCS #1, or that is encrypted", block.Type)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T signs nothing", key)
	}
	return signer, nil
}

// checkPrivate returns an error if others than its owner may read a file with a key, or
// write it.
func checkPrivate(dir, name string) error {
	at := filepath.Join(dir, name)
	info, err := os.Stat(at)
	if err != nil {
		return err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("%s may be read or written by others than its owner (mode %04o): whoever reads it can speak for its holder; chmod 600 %s", at, info.Mode().Perm(), at)
	}
	return nil
}

// CheckWriters returns an error if others than its owner can put files into a folder: a CA
// of their own, for instance. A folder that isn't there is none of its errors.
func CheckWriters(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil //nolint:nilerr // whoever reads a file there says so
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("%s may be written by others than its owner (mode %04o), who could put a CA of their own there; chmod 700 %s", dir, mode, dir)
	}
	return nil
}

// IsP256 reports whether a key is one of ECDSA on P-256, as that of a branch must be.
func IsP256(key crypto.PublicKey) bool {
	k, ok := key.(*ecdsa.PublicKey)
	return ok && k.Curve == elliptic.P256()
}

// Fingerprint names a certificate: SHA-256 of its DER form.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns that of a certificate.
func FingerprintOf(c *x509.Certificate) Fingerprint { return sha256.Sum256(c.Raw) }

// String returns it in hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// MarshalText implements encoding.TextMarshaler.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(f[:], text); err != nil || n != len(f) {
		return fmt.Errorf("%.80q is no SHA-256 in hexadecimal digits", text)
	}
	return nil
}

// Revocation says that a certificate is good no more.
type Revocation struct {
	// Certificate is the one.
	Certificate Fingerprint `json:"certificate"`
	// Identity is whom it speaks for, for people.
	Identity string `json:"identity"`
	// At is when it was revoked, Reason why, for people.
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	// After is, for a branch's, the last entry of its journal that it may have signed: what
	// it signed later counts for nothing.
	After uint64 `json:"after_sequence,omitempty"`
}

// Signer is a certificate of a branch whose CA is dropped, because it was replaced or
// stolen. It opens no connection any more, and what it has signed in journals counts. Of
// one that such a CA makes later nothing counts.
type Signer struct {
	// Certificate is the one, Identity its URI.
	Certificate Fingerprint `json:"certificate"`
	Identity    string      `json:"identity"`
}

// maxListed bounds each of the lists.
const maxListed = 100_000

// ReadRevocations reads what is revoked. There is no list as long as nothing is.
func ReadRevocations(dir string) ([]Revocation, error) { return readList[Revocation](dir, RevokedFile) }

// ReadSigners reads the certificates whose signatures outlive their CA. There is no list as
// long as no CA was dropped.
func ReadSigners(dir string) ([]Signer, error) { return readList[Signer](dir, SignersFile) }

// readList reads a list.
func readList[T any](dir, name string) ([]T, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxListBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	var all []T
	if len(data) > maxListBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxListBytes)
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(all) > maxListed {
		return nil, fmt.Errorf("%s has %d certificates, and at most %d are read: drop those that have expired", name, len(all), maxListed)
	}
	return all, nil
}
