package console

import (
	"time"

	"github.com/schollz/progressbar/v3"
)

// Bar is a progress bar, or nothing where nobody is looking.
type Bar struct{ shown *progressbar.ProgressBar }

// Progress returns a bar for a number of events: on a terminal only.
func (c *Console) Progress(events int) Bar {
	if !c.errTerminal || c.barless {
		return Bar{}
	}
	return Bar{progressbar.NewOptions(events,
		progressbar.OptionSetWriter(c.Terminal),
		progressbar.OptionSetDescription("Replaying"),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// Show shows how many events are done.
func (b Bar) Show(done, _ int) {
	if b.shown != nil {
		_ = b.shown.Set(done) // a bar that can't be drawn is no error
	}
}

// Finish takes the bar off the screen.
func (b Bar) Finish() {
	if b.shown != nil {
		_ = b.shown.Clear()
	}
}
