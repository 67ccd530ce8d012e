package replica

// RecentBytes is the size of the own batches kept in memory, counted anew.
func (r *Replica) RecentBytes() (bytes int) {
	for _, s := range r.own.recent {
		bytes += len(s.Bytes)
	}
	return bytes
}
