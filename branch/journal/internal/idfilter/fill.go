package idfilter

// turn is full while a filter of the process is being filled, so that only one is at
// a time: branches that start together have something better to do.
var turn = make(chan struct{}, 1)

// Fill adds the recorded ids, which each visits until visit returns false. If each
// returns an error, the filter goes on excluding nothing.
func (f *Filter) Fill(each func(visit func(id []byte) bool) error) {
	all := true
	err := each(func(id []byte) bool {
		select {
		case <-f.done:
			all = false
		default:
			all = f.Add(id)
		}
		return all
	})
	if err == nil && all {
		f.Finish()
	}
}

// FillBeside fills the filter in a goroutine of its own, once no other filter of
// the process is being filled. Stop ends it, and waits for it.
func (f *Filter) FillBeside(each func(visit func(id []byte) bool) error) {
	f.filling.Go(func() {
		select {
		case turn <- struct{}{}:
			f.Fill(each)
			<-turn
		case <-f.done:
		}
	})
}

// Await waits until FillBeside has ended.
func (f *Filter) Await() { f.filling.Wait() }

// Stop ends the filling.
func (f *Filter) Stop() {
	if f.done != nil {
		close(f.done)
	}
	f.Await()
}
