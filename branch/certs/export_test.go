package certs

// Warn warns as Watch does now and then.
func (f *Folder) Warn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.warn()
}
