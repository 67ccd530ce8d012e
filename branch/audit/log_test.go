package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/audit"
	"passbook.example/passbook/branch/code"
	"passbook.example/passbook/branch/identity"
)

var (
	bob     = &identity.Identity{Bank: "bank", Client: "bob", Role: identity.Customer, Accounts: identity.Accounts{"bob"}}
	ops     = &identity.Identity{Bank: "bank", Client: "olga", Role: identity.Operator}
	branch2 = &identity.Identity{Bank: "bank", Branch: 2}
	nobody  = audit.Event{Kind: audit.Refused, Branch: 1, From: "192.0.2.7:4711", What: "/bank.v1.BranchService/Deposit", Err: code.New(code.Unauthenticated, "this bank asks who you are")}
)

// open returns a log in a file, and the file's path.
func open(t *testing.T) (*audit.Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(path, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

// read returns the lines of a file. Each must be JSON, in signs that can be seen.
func read(t *testing.T, path string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for text := range strings.Lines(string(text)) {
		text, whole := strings.CutSuffix(text, "\n")
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil || !whole {
			t.Fatalf("%.300q is no line: %v", text, err)
		}
		for _, r := range text {
			if r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%U is in a line as it is: %q", r, text)
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// Each kind of event has a line: when, where, who, from where, what, and what came of it.
func TestAnEventIsALine(t *testing.T) {
	for want, e := range map[string]audit.Event{
		`{"event":"refused","branch":1,"who":"nobody","from":"192.0.2.7:4711","what":"/bank.v1.BranchService/Deposit","outcome":"unauthenticated","text":"this bank asks who you are"}`: nobody,
		`{"event":"refused","branch":1,"who":"customer \"bob\" of bank \"bank\"","uri":"passbook://bank/client/bob?accounts=bob&role=customer","by":"passbook://bank/branch/2","from":"[2001:db8::1]:1","what":"/bank.v1.BranchService/Query","account":"ann","outcome":"permission_denied","text":"not yours"}`: {
			Kind: audit.Refused, Branch: 1, Who: bob, By: branch2, From: "[2001:db8::1]:1", What: "/bank.v1.BranchService/Query", Account: "ann", Err: code.New(code.PermissionDenied, "not yours"),
		},
		`{"event":"write","branch":3,"who":"operator \"olga\" of bank \"bank\"","uri":"passbook://bank/client/olga?role=operator","from":"192.0.2.9:1","what":"/bank.v1.FaultService/Cut","outcome":"ok"}`: {
			Kind: audit.Write, Branch: 3, Who: ops, From: "192.0.2.9:1", What: "/bank.v1.FaultService/Cut",
		},
		`{"event":"write","branch":3,"who":"operator \"olga\" of bank \"bank\"","uri":"passbook://bank/client/olga?role=operator","what":"/bank.v1.FaultService/Cut","outcome":"invalid_argument","text":"no such branch"}`: {
			Kind: audit.Write, Branch: 3, Who: ops, What: "/bank.v1.FaultService/Cut", Err: connect.NewError(connect.CodeInvalidArgument, errors.New("no such branch")),
		},
		`{"event":"login","branch":1,"who":"operator \"olga\" of bank \"bank\"","uri":"passbook://bank/client/olga?role=operator","from":"127.0.0.1:5","what":"logged in on the page","outcome":"ok"}`: {
			Kind: audit.Login, Branch: 1, Who: ops, From: "127.0.0.1:5", What: "logged in on the page",
		},
		`{"event":"certificate","what":"branch.1.crt was taken up","outcome":"ok"}`: {Kind: audit.Certificate, What: "branch.1.crt was taken up"},
		`{"event":"key","what":"keys.json","outcome":"failed","text":"no key"}`:     {Kind: audit.Key, What: "keys.json", Err: errors.New("no key")},
	} {
		l, path := open(t)
		before := time.Now()
		l.Write(e)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var line struct{ Time time.Time }
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line.Time.Before(before) || line.Time.After(time.Now()) || line.Time.Location() != time.UTC {
			t.Errorf("the time is %v, want that of now, in UTC", line.Time)
		}
		got := "{" + string(text[strings.Index(string(text), `"event"`):])
		if got != want+"\n" {
			t.Errorf("got  %swant %s", got, want)
		}
	}
}

// Who has no log writes nothing, and a log without a file of its own goes to stderr.
func TestLogsWithoutAFile(t *testing.T) {
	var none *audit.Log
	none.Write(nobody)
	if err := none.Close(); err != nil || none.Lost() != 0 {
		t.Errorf("no log: %v, %d lost", err, none.Lost())
	}
	var stderr bytes.Buffer
	l, err := audit.Open("-", audit.Options{Stderr: &stderr})
	if err != nil {
		t.Fatal(err)
	}
	l.Write(nobody)
	if err := l.Close(); err != nil || !strings.HasPrefix(stderr.String(), `{"time":`) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%v, stderr has %q", err, &stderr)
	}
	l.Write(nobody)
	if l.Lost() != 1 {
		t.Errorf("%d events after the end are counted, want 1", l.Lost())
	}
}

// What can't be a log is refused, and the file of one is for its owner alone.
func TestFilesOfLogs(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{"": "needs a path", dir: "is no regular file", "/dev/null": "is no regular file", filepath.Join(dir, "no", "log"): "no such file"} {
		if _, err := audit.Open(path, audit.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", path, err, want)
		}
	}
	_, path := open(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v (%v), want 0600", info.Mode(), err)
	}
}

// No text from outside makes a line of its own, a line that is not JSON, or a sign that a
// terminal obeys; and none makes a line long.
func TestTextsFromOutside(t *testing.T) {
	texts := []string{
		"x\n{\"time\":\"2026-01-01T00:00:00Z\",\"event\":\"write\",\"outcome\":\"ok\"}\n", "\r\n", "\x00\x1b[2K\x1b[1A", "\u0085\u009b2J", "\u2028\u2029",
		"\u202etxet", "\u200b\u00ad\ufeff", "\u3164\ufe0f", "\U000e0041\U000f0000", "a\xffb\xc3", `","outcome":"ok`, "\"\\", strings.Repeat("é", 100_000), strings.Repeat("\x01", 100_000),
	}
	for _, text := range texts {
		l, path := open(t)
		l.Write(audit.Event{Kind: audit.Refused, From: text, What: text, Account: text, Err: code.New(code.PermissionDenied, text)})
		lines := read(t, path)
		if len(lines) != 1 || lines[0]["event"] != "refused" || lines[0]["outcome"] != "permission_denied" {
			t.Errorf("%.50q became %.200q", text, lines)
		}
		if info, err := os.Stat(path); err != nil || info.Size() > 16<<10 {
			t.Errorf("%.50q became %d bytes (%v)", text, info.Size(), err)
		}
	}
	l, path := open(t)
	l.Write(audit.Event{Kind: audit.Write, What: "café „東京“ 🙂", Who: &identity.Identity{Bank: "bank", Client: "ü", Role: identity.Operator}})
	if got := read(t, path)[0]; got["what"] != "café „東京“ 🙂" || got["who"] != `operator "ü" of bank "bank"` {
		t.Errorf("what can be seen became %q", got)
	}
}

// No token and no key gets into the log, wherever somebody puts it.
func TestNoSecretIsWritten(t *testing.T) {
	token := "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiJhbm4iLCJleHAiOjF9.c2lnbmF0dXJl"
	for _, text := range []string{
		token, "/bank.v1.BranchService/" + token, "Authorization: Bearer " + token, "x=" + token + "&y", "BEARER c2VjcmV0c2VjcmV0", "bearer+c2VjcmV0c2VjcmV0",
		"-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----", strings.Repeat("x", 490) + token, token[:40],
	} {
		l, path := open(t)
		l.Write(audit.Event{Kind: audit.Refused, From: text, What: text, Account: text, Err: code.New(code.PermissionDenied, text)})
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"c2VjcmV0", "c2lnbmF0dXJl", "eyJ", "ZERTQSI"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%q became %s", text, raw)
			}
		}
	}
	l, path := open(t)
	const help = `call with the header "Authorization: Bearer TOKEN"`
	l.Write(audit.Event{Kind: audit.Refused, Err: code.New(code.Unauthenticated, help)})
	if got := read(t, path)[0]["text"]; got != help {
		t.Errorf("%q became %q", help, got)
	}
}

// A file that is renamed, removed or truncated costs no line: the next one is in the file
// that has the path then.
func TestRotation(t *testing.T) {
	l, path := open(t)
	write := func(what string) { l.Write(audit.Event{Kind: audit.Write, Who: ops, What: what}) }
	want := func(path string, whats ...string) {
		t.Helper()
		var got []string
		for _, line := range read(t, path) {
			got = append(got, fmt.Sprint(line["what"]))
		}
		if strings.Join(got, " ") != strings.Join(whats, " ") {
			t.Errorf("%s has %q, want %q", filepath.Base(path), got, whats)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	must(os.Rename(path, path+".1"))
	write("two")
	want(path+".1", "one")
	want(path, "two")

	must(os.Remove(path))
	write("three")
	want(path, "three")

	must(os.Truncate(path, 0)) // as copytruncate does
	write("four")
	want(path, "four")

	// Another one is there already, and ends within a line.
	must(os.WriteFile(path+".new", []byte(`{"what":"torn"}`), 0o600))
	must(os.Rename(path+".new", path))
	write("five")
	want(path, "torn", "five")
}

// Where no file can be made any more, lines go to the one that was open, which is logged
// once; and to the right one as soon as it can be.
func TestAFolderThatGoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	path := filepath.Join(dir, "audit.jsonl")
	l, err := audit.Open(path, audit.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, to := range []string{dir + ".old", dir} {
		if to == dir {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Rename(dir, to); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			l.Write(audit.Event{Kind: audit.Write, Who: ops})
		}
		if n := len(read(t, filepath.Join(to, "audit.jsonl"))); n != 3 {
			t.Errorf("%s has %d lines, want 3", to, n)
		}
	}
	if a, b := strings.Count(log.String(), "can't be written"), strings.Count(log.String(), "can be written again"); a != 1 || b != 1 || l.Lost() != 0 {
		t.Errorf("the trouble was logged %d times, its end %d times, and %d events are lost; want 1, 1 and 0:\n%s", a, b, l.Lost(), &log)
	}
}

// Lines of many at once stay whole, also while the file is renamed.
func TestManyWriteAtOnce(t *testing.T) {
	l, path := open(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				l.Write(audit.Event{Kind: audit.Write, Who: ops, What: strings.Repeat("x", 400)})
			}
		})
	}
	for i := range 20 {
		if err := os.Rename(path, fmt.Sprint(path, i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
	all.Wait()
	n := 0
	files, _ := filepath.Glob(path + "*")
	for _, file := range files {
		n += len(read(t, file))
	}
	if n != 1600 || l.Lost() != 0 {
		t.Errorf("%d lines are there and %d lost, want 1600 and none", n, l.Lost())
	}
}

// Whoever is refused all the time fills no disk: what is like a refusal before is summed.
func TestFloodsAreSummed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := open(t)
		for i := range 10_000 {
			e := nobody
			e.From = fmt.Sprintf("192.0.2.7:%d", i)
			l.Write(e)
		}
		if n := len(read(t, path)); n != 1 {
			t.Errorf("%d lines before the end of the window, want 1", n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		lines := read(t, path)
		if len(lines) != 2 || lines[1]["count"] != 9999. || lines[1]["text"] != "and 9999 more like it within 10s: this bank asks who you are" || lines[1]["from"] != "192.0.2.7:0" || lines[1]["what"] != nobody.What {
			t.Errorf("after it: %v", lines)
		}
		// A window without more than one has no sum; a log that is closed early writes it.
		l.Write(nobody)
		time.Sleep(time.Minute)
		synctest.Wait()
		l.Write(nobody)
		l.Write(nobody)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		lines = read(t, path)
		if len(lines) != 5 || lines[4]["count"] != 1. {
			t.Errorf("after the end: %v", lines[2:])
		}
	})
}

// However refusals and their callers vary, few lines are written; and those of callers
// who are nobody hide nothing of those who are somebody.
func TestFloodsThatVary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, path := open(t)
		count := func(lines []map[string]any) (n float64) {
			for _, line := range lines {
				if c, ok := line["count"].(float64); ok {
					n += c
				} else {
					n++
				}
			}
			return n
		}
		for i := range 1000 { // one caller, as many procedures, from a network of its own
			e := nobody
			e.From, e.What = fmt.Sprintf("[2001:db8:0:0:%x::1]:4711", i), fmt.Sprint("/x.y/", i)
			l.Write(e)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		lines := read(t, path)
		if len(lines) != 5 || count(lines) != 1000 || lines[4]["outcome"] != "various" {
			t.Errorf("of one caller: %d lines for %v refusals, want 5 for 1000: %v", len(lines), count(lines), lines)
		}

		l, path = open(t)
		for i := range 1000 {
			e := nobody
			e.From = fmt.Sprintf("198.51.%d.%d:4711", i/250, i%250)
			l.Write(e)
			l.Write(e)
		}
		l.Write(audit.Event{Kind: audit.Refused, Who: bob, From: "192.0.2.7:1", What: "Kill", Err: nobody.Err})
		lines = read(t, path)
		if last := lines[len(lines)-1]; last["what"] != "Kill" {
			t.Errorf("somebody's refusal is not told among those of others: %v", last)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		lines = read(t, path)
		if len(lines) != 64+64+1+1 || count(lines) != 2001 {
			t.Errorf("of 1001 callers: %d lines for %v refusals, want 130 for 2001", len(lines), count(lines))
		}
	})
}

// A log-in that fails is a refusal like others. What operators change, and log-ins that
// succeed, have a line each, however many there are.
func TestWhatIsNotSummed(t *testing.T) {
	l, path := open(t)
	for range 100 {
		l.Write(audit.Event{Kind: audit.Write, Who: ops, What: "Cut", Err: nobody.Err})
		l.Write(audit.Event{Kind: audit.Login, Who: ops})
		l.Write(audit.Event{Kind: audit.Login, From: "192.0.2.7:1", Err: nobody.Err})
	}
	if n := len(read(t, path)); n != 201 {
		t.Errorf("%d lines, want 201", n)
	}
}
