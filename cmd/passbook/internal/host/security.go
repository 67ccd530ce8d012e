package host

// Security says whom the branches of a process believe.
type Security struct {
	// CertsDir is the directory of certificates; empty for none: everybody may do
	// everything.
	CertsDir string
	// Insecure says that somebody wants branches without certificates where other
	// machines reach them.
	Insecure bool
	// Plaintext lets callers in who prove nothing, in clear text too.
	Plaintext bool
}
