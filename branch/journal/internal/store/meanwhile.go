package store

import "sync"

// task is something that is done once.
type task struct {
	once sync.Once
	work func()
}

func (t *task) do() { t.once.Do(t.work) }

// Meanwhile calls commit, which syncs the log, and work, on any goroutine: while the device
// writes the log, if it can. Both have returned when it does. The processor would have nothing
// to do then, while another goroutine for the work would have to wait until a processor
// has woken up, which takes about as long as a sync.
func (d *Disk) Meanwhile(commit func() error, work func()) error {
	t := &task{work: work}
	d.meanwhile.Store(t)
	err := commit()
	d.meanwhile.CompareAndSwap(t, nil)
	t.do()
	return err
}

// SyncData implements vfs.File. The device begins to write before the task is done, and has
// less left to do when it is waited for.
func (f *logFile) SyncData() error {
	t := f.disk.meanwhile.Swap(nil)
	if t == nil {
		return f.diskFile.SyncData()
	}
	synced, err := f.SyncTo(f.written)
	t.do()
	if err != nil || synced {
		return err
	}
	return f.diskFile.SyncData()
}
