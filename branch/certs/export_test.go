package certs

// Warn warns as Watch does now and then.
func (f *Folder) Warn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.warn()
}

// MaxKnown is how many certificates are remembered.
const MaxKnown = maxKnown

// Known returns how many are.
func (f *Folder) Known() int {
	f.known.mu.Lock()
	defer f.known.mu.Unlock()
	return len(f.known.all)
}
