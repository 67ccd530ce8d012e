package replica

// RecentBytes is the size of the own batches kept in memory, counted anew.
func (r *Replica) RecentBytes() (bytes int) {
	for _, s := range r.journals.Own.Kept() {
		bytes += len(s.Bytes)
	}
	return bytes
}
