package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Secured: the same build with certificates and without takes turns at the same load, so
// what TLS, the question who calls, and signatures cost shows in the same minutes.

const (
	securedGoal = "secured"
	openBank    = "without certificates"
	secureBank  = "with certificates"
)

// What certificates may cost.
const (
	securedShare = 0.8                    // of the throughput of 32 callers
	securedDelay = 150 * time.Microsecond // of one caller's p50
	securedStart = 500 * time.Millisecond // until 50 branches in one process are ready
)

// certificates are those of a bank that this program has started.
type certificates struct {
	dir string
	// teller is how a teller connects.
	teller *tls.Config
}

// makeCertificates makes those of a bank's branches, and of a teller.
func (b *bench) makeCertificates(ctx context.Context, branches int) (*certificates, error) {
	dir, err := os.MkdirTemp(b.dir, "certs-")
	if err != nil {
		return nil, err
	}
	create := []string{"cert", "create-branch"}
	for id := 1; id <= branches; id++ {
		create = append(create, strconv.Itoa(id))
	}
	for _, args := range [][]string{{"cert", "create-ca"}, create, {"cert", "create-client", "teller", "--role", "teller"}} {
		out, err := exec.CommandContext(ctx, b.options.passbook, append(args, "--certs-dir", dir)...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("passbook %s: %w: %s", args, err, out)
		}
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca-branch.crt"))
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.teller.crt"), filepath.Join(dir, "client.teller.key"))
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}
	if !cfg.RootCAs.AppendCertsFromPEM(ca) {
		return nil, errors.New("passbook cert create-ca has made no CA")
	}
	return &certificates{dir, cfg}, nil
}

// secure makes a transport prove who calls; without certificates it stays as it is.
func (c *certificates) secure(t *http.Transport) *http.Transport {
	if c == nil {
		return t
	}
	t.TLSClientConfig = c.teller.Clone() // the transport adds its protocols
	t.Protocols.SetHTTP2(t.Protocols.UnencryptedHTTP2())
	return t
}

// arguments are those by which passbook serves with them.
func (c *certificates) arguments() []string {
	if c == nil {
		return nil
	}
	return []string{"--certs-dir", c.dir}
}

func (b *bench) secured(ctx context.Context) error {
	for _, l := range []struct {
		what       string
		branches   int
		oneProcess bool
		http2      bool
		callers    int
		asked      *bound
	}{
		{"deposits/s, 32 callers, HTTP/2", 3, false, true, callers, atLeast(securedShare)},
		{"deposits/s, 32 callers, HTTP/1.1", 3, false, false, callers, atLeast(securedShare)},
		{"deposits/s, 32 callers, HTTP/2, one process", 3, true, true, callers, atLeast(securedShare)},
		{"deposits/s, 1 caller, HTTP/2", 3, false, true, 1, nil},
	} {
		if err := b.securedLoad(ctx, l.what, l.branches, l.oneProcess, l.http2, l.callers, l.asked); err != nil {
			return fmt.Errorf("%s: %w", l.what, err)
		}
	}
	return b.securedStarts(ctx)
}

// securedLoad puts both banks under one load, by turns.
func (b *bench) securedLoad(ctx context.Context, what string, branches int, oneProcess, http2 bool, n int, asked *bound) error {
	var contenders []contender
	var banks []*bank
	for _, name := range []string{openBank, secureBank} {
		spec := bankSpec{name: fmt.Sprintf("Passbook, %d branches, %s", branches, name), branches: branches, oneProcess: oneProcess}
		if name == secureBank {
			var err error
			if spec.certificates, err = b.makeCertificates(ctx, branches); err != nil {
				return err
			}
		}
		k, err := b.openBank(ctx, spec)
		if err != nil {
			return err
		}
		t := spec.certificates.secure(customerTransport(http2))
		defer t.CloseIdleConnections()
		contenders = append(contenders, b.with(k.processes, b.throughput(name, depositing(k.addresses(), t, n))))
		banks = append(banks, k)
	}
	m, err := b.alternate(ctx, securedGoal+", "+what, contenders...)
	if err != nil {
		return err
	}
	compare := func(what, quantity string, asked *bound) {
		b.tell(row{Goal: securedGoal, What: what, Subject: banks[1].name, Figure: m[secureBank][quantity],
			Reference: openBank, ReferenceFigure: m[openBank][quantity], Bound: asked})
	}
	compare(what, perSecond, asked)
	compare("CPU of the servers, µs an operation", cpuPerOperation, nil)
	compare(p50, p50, nil)
	if n == 1 {
		more := m[secureBank][p50].plus(m[openBank][p50].times(-1))
		b.tell(row{Goal: securedGoal, What: "p50 of one caller, µs more", Subject: banks[1].name, Figure: more, Bound: atMost(float64(securedDelay.Microseconds()))})
	}
	for _, k := range banks {
		if err := k.close(); err != nil {
			return err
		}
	}
	return nil
}

// securedStarts measures how long 50 branches in one process take until they are ready.
func (b *bench) securedStarts(ctx context.Context) error {
	const branches, quantity = 50, "ms"
	certificates, err := b.makeCertificates(ctx, branches)
	if err != nil {
		return err
	}
	starting := func(name string, spec bankSpec) contender {
		return contender{name, func(ctx context.Context, _ int) (reading, error) {
			began := time.Now()
			k, err := b.openBank(ctx, spec)
			if err != nil {
				return nil, err
			}
			took := time.Since(began)
			return reading{quantity: float64(took.Microseconds()) / 1000}, k.close()
		}}
	}
	m, err := b.alternate(ctx, securedGoal+", starting",
		starting(openBank, bankSpec{name: "open", branches: branches, oneProcess: true}),
		starting(secureBank, bankSpec{name: "secured", branches: branches, oneProcess: true, certificates: certificates}))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("Passbook, %d branches in one process", branches)
	b.tell(row{Goal: securedGoal, What: "ms until all are ready", Subject: name, Figure: m[secureBank][quantity], Reference: openBank, ReferenceFigure: m[openBank][quantity]})
	b.tell(row{Goal: securedGoal, What: "ms more until all are ready", Subject: name, Figure: m[secureBank][quantity].plus(m[openBank][quantity].times(-1)), Bound: atMost(float64(securedStart.Milliseconds()))})
	return nil
}
