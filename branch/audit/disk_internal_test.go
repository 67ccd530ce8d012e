package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
)

// disk is one that has room for so many bytes.
type disk struct {
	bytes.Buffer
	room int
}

// Write implements io.Writer, as a file does whose disk is nearly full: with a part.
func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// A disk that is full stops nobody: what is lost is counted, and the branch's log says so
// once. As soon as there is room, the audit log says how many are missing, and goes on
// with a line of its own.
func TestAFullDisk(t *testing.T) {
	var log bytes.Buffer
	d := &disk{room: 150}
	l, err := Open("-", Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Stderr: d})
	if err != nil {
		t.Fatal(err)
	}
	write := func(what string) { l.Write(Event{Kind: Write, What: what}) }
	write("one")
	for range 5 {
		write("lost")
	}
	if l.Lost() != 5 || strings.Count(log.String(), "can't be written") != 1 || !strings.Contains(log.String(), "no space left") {
		t.Errorf("%d lost, want 5; the branch's log has %s", l.Lost(), &log)
	}
	d.room = 20 // for a part of the line that tells of it
	write("lost")
	d.room = 1 << 20
	write("two")
	write("three")
	var got []string
	for text := range strings.Lines(d.String()) {
		var line line
		if json.Unmarshal([]byte(text), &line) != nil {
			got = append(got, "torn")
			continue
		}
		if got = append(got, line.What+string(line.Event)); line.Event == lost && line.Count != 6 {
			t.Errorf("%d are said to be missing, want 6", line.Count)
		}
	}
	if want := "onewrite torn torn lost twowrite threewrite"; strings.Join(got, " ") != want {
		t.Errorf("the log has %q, want %q:\n%s", got, want, d)
	}
	if l.Lost() != 6 || strings.Count(log.String(), "can be written again") != 1 {
		t.Errorf("%d lost, want 6; the branch's log has %s", l.Lost(), &log)
	}
}

// The same with a device of the system's.
func TestADeviceThatIsFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Log("this system has none")
		return
	} else if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	l, err := Open("-", Options{Stderr: full})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		l.Write(Event{Kind: Refused})
	}
	if err := l.Close(); err != nil || l.Lost() != 100 {
		t.Errorf("%v, %d lost, want 100", err, l.Lost())
	}
}
