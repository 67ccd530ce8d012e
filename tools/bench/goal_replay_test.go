package main

import (
	"os"
	"path/filepath"
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

func TestWithoutQueriesTheWritesAreLeft(t *testing.T) {
	dir := t.TempDir()
	all, only := filepath.Join(dir, "all.json"), filepath.Join(dir, "only.json")
	const input = `[{"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 10}, {"id": 2, "interface": "query"}]},
		{"id": 1, "type": "branch", "balance": 400}, {"id": 2, "type": "branch", "balance": 400}]`
	if err := os.WriteFile(all, []byte(input), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := withoutQueries(all, only); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{all, only} {
		if writes, branches, err := countWrites(file); writes != 1 || branches != 2 || err != nil {
			t.Errorf("%s: got %d writes, %d branches, %v, want 1, 2", file, writes, branches, err)
		}
	}
	elements, err := readElements(only)
	if err != nil {
		t.Fatal(err)
	}
	if events := elements[0]["events"].([]any); len(events) != 1 || isQuery(events[0]) {
		t.Errorf("got the events %v, want the deposit alone", events)
	}
}
