package link

import (
	"slices"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
)

// Signatures tells who has written what comes. Package signature has the real ones.
type Signatures interface {
	// Learn takes the certificates that a frame brings. It returns an error if one of
	// them is not that of a branch of this bank.
	Learn(chains [][]byte) error
	// Check checks the signature of a batch, if it has one. It returns an error if no
	// branch of this bank would send the batch, and false if the batch can't be checked
	// yet. said is the id that the peer names for the bank.
	Check(o *ledger.Outline, said ledger.BankID) (ok bool, err error)
	// Current returns the certificate with which this branch signs.
	Current() ledger.Fingerprint
	// Chain returns the chain of a certificate; nil if it is not known.
	Chain(f ledger.Fingerprint) []byte
}

// maxShown bounds the certificates that a link remembers to have shown. They are shown
// again after that.
const maxShown = 1024

// checkSigned checks the signatures in a frame, before the engine gets it: each link has
// its goroutine, and the engine has only one. Batches that can't be checked yet are left
// out, and come again. Where nobody checks signatures, they don't count, and are left off
// the batches: who passes them on could not show the certificates.
func (k *link) checkSigned(f *protocol.Frame) error {
	s := k.peer.links.cfg.Signatures
	if s == nil {
		for _, b := range f.Batches {
			b.Signature = nil
		}
		f.Certificates = nil
		return nil
	}
	if f.Hello != nil {
		k.bank = f.Hello.Identity.ID
	}
	if err := s.Learn(f.Certificates); err != nil {
		return err
	}
	f.Certificates = nil
	var lie error
	f.Batches = slices.DeleteFunc(f.Batches, func(b *ledger.Sealed) bool {
		if lie != nil {
			return false
		}
		ok, err := s.Check(&b.Outline, k.bank)
		lie = err
		return !ok
	})
	return lie
}

// shown is a certificate that a peer may need.
type shown struct {
	fingerprint ledger.Fingerprint
	chain       []byte
}

// deliver sends a frame, and before it the certificates that the peer may need for it and
// has not been shown on this link. The engine calls it.
func (k *link) deliver(f *protocol.Frame, c *copies) {
	needed := k.unshown(f)
	if len(needed) > 0 && f.Hello != nil { // which comes first of all
		k.send(outgoing{frame: &protocol.Frame{Hello: f.Hello}})
		rest := *f
		rest.Hello = nil
		f = &rest
	}
	if k.show(needed) && !isSilent(f) {
		k.send(c.of(f))
	}
}

// unshown returns the certificates that the peer may need for a frame, each once.
func (k *link) unshown(f *protocol.Frame) (needed []shown) {
	s := k.peer.links.cfg.Signatures
	if s == nil {
		return nil
	}
	need := func(of ledger.Fingerprint) {
		if k.shown[of] || slices.ContainsFunc(needed, func(n shown) bool { return n.fingerprint == of }) {
			return
		}
		if chain := s.Chain(of); chain != nil {
			needed = append(needed, shown{of, chain})
		}
	}
	if f.Hello != nil {
		need(s.Current())
	}
	for _, o := range f.Outlines {
		if o.Signature != nil {
			need(o.Signature.Certificate)
		}
	}
	return needed
}

// show sends certificates. It reports false when there is no room: then the frame that
// needs them is not sent either, and comes again.
func (k *link) show(needed []shown) bool {
	for some := range slices.Chunk(needed, maxCertificates) {
		f := &protocol.Frame{}
		for _, n := range some {
			f.Certificates = append(f.Certificates, n.chain)
		}
		if !k.send(outgoing{frame: f}) {
			return false
		}
		if k.shown == nil || len(k.shown) >= maxShown {
			k.shown = map[ledger.Fingerprint]bool{}
		}
		for _, n := range some {
			k.shown[n.fingerprint] = true
		}
	}
	return true
}
