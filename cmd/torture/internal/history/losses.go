package history

// MayBeLost says whether a receipt may have gone with the disk of the branch
// that gave it out: nobody was promised more than that disk, and no branch but
// this one had applied it.
func (h *History) MayBeLost(w *Write, a *Attempt) bool {
	for _, b := range w.Attempts {
		if b.Receipt == a.Receipt && b.Promised() {
			return false
		}
	}
	return h.MayHaveGone(a)
}

// MayHaveGone says whether a disk was lost that may have had all there was of
// what an attempt was told, whatever was promised.
func (h *History) MayHaveGone(a *Attempt) bool {
	for i := range h.Losses {
		if l := &h.Losses[i]; l.hits(a.Receipt, a.Began) && a.Began < l.Killed {
			return true
		}
	}
	return false
}

// ShowsLost says whether a read may have seen what was lost with a disk later.
func (h *History) ShowsLost(r *Read) bool {
	for i := range h.Losses {
		for branch, sequence := range r.After {
			if h.Losses[i].hits(Receipt{Branch: branch, Sequence: sequence}, r.Began) {
				return true
			}
		}
	}
	return false
}
