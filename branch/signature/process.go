package signature

// Signatures are what the branches of a process share: the certificates that they know,
// and the signatures that one of them has checked.
type Signatures struct {
	authority Authority
	// optional says that batches without a signature are taken, too.
	optional bool
	known    known
	verified verified
}

// Options of Signatures. The zero value is that of a bank that has certificates.
type Options struct {
	// Optional takes batches that nobody has signed, as a bank without certificates does.
	// It is for the time in which a bank moves to certificates, and for a branch that has
	// to fetch back what was written before.
	Optional bool
}

// New returns the signatures of a process that knows no certificate yet.
func New(a Authority, o Options) *Signatures {
	return &Signatures{authority: a, optional: o.Optional, known: newKnown(a), verified: newVerified()}
}

// Required reports whether batches must be signed.
func (p *Signatures) Required() bool { return !p.optional }

// Recheck asks the authority again about the certificates that are known. It is to be
// called when the authority may answer differently.
func (p *Signatures) Recheck() { p.known.recheck() }
