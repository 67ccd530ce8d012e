package main

import (
	"testing"
	"time"
)

func TestReplayTimeIsWhatTheCommandSays(t *testing.T) {
	const said = "Replayed 200 events at 50 branches in 1.31s: 200 succeeded, 0 refused, 0 failed.\nAll 50 branches agree: shared account 400 after 100 entries.\nWrote out.json."
	if got, err := replayTime(said); got != 1310*time.Millisecond || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := replayTime("Wrote out.json."); err == nil {
		t.Errorf("got %v from nothing", got)
	}
}
