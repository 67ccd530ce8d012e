package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar is a progress bar, or nothing where nobody is looking.
type bar struct{ shown *progressbar.ProgressBar }

// progress returns a bar for a number of events: on a terminal only.
func (u *ui) progress(events int) bar {
	if !u.errTerminal || u.barless {
		return bar{}
	}
	return bar{progressbar.NewOptions(events,
		progressbar.OptionSetWriter(u.terminal),
		progressbar.OptionSetDescription("Replaying"),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// show tells how many events are done.
func (b bar) show(done, _ int) {
	if b.shown != nil {
		_ = b.shown.Set(done) // a bar that can't be drawn is no error
	}
}

// finish takes the bar off the screen.
func (b bar) finish() {
	if b.shown != nil {
		_ = b.shown.Clear()
	}
}
