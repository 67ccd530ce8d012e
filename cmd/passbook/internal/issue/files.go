package issue

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
)

// file is a file to be written.
type file struct {
	name string
	mode fs.FileMode
	data []byte
}

// write writes files of a folder, in the place of older ones. All are on disk before the
// first is in its place, so a crash leaves each file as it was, or new.
func write(dir string, all ...file) (err error) {
	temps := make([]string, len(all))
	defer func() {
		for _, temp := range temps {
			if temp != "" {
				err = errors.Join(err, os.Remove(temp))
			}
		}
	}()
	for i, f := range all {
		if temps[i], err = writeTemp(dir, f); err != nil {
			return err
		}
	}
	for i, f := range all {
		if err := os.Rename(temps[i], filepath.Join(dir, f.name)); err != nil {
			return err
		}
		temps[i] = ""
	}
	return syncDir(dir)
}

// writeTemp writes a file under a name of its own, for its owner alone until it is whole.
func writeTemp(dir string, f file) (name string, err error) {
	t, err := os.CreateTemp(dir, "."+f.name+".*.tmp") // with mode 0600
	if err != nil {
		return "", err
	}
	_, err = t.Write(f.data)
	err = errors.Join(err, t.Chmod(f.mode), t.Sync(), t.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(t.Name()))
	}
	return t.Name(), nil
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// asJSON returns a list as people read it.
func asJSON[T any](list []T) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // URIs have an &
	e.SetIndent("", "  ")
	err := e.Encode(list)
	return b.Bytes(), err
}

// exists reports whether a folder has a file.
func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

// newKey returns a key, and its file.
func newKey(name string) (*ecdsa.PrivateKey, file, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, file{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, file{}, err
	}
	return key, file{name + ".key", 0o600, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}, nil
}

// encode returns certificates in PEM form.
func encode(all ...*x509.Certificate) []byte {
	var data []byte
	for _, c := range all {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return data
}

// newSerial returns a serial number that no other certificate has.
func newSerial() (*big.Int, error) {
	// RFC 5280 allows 20 bytes and wants it positive.
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}
