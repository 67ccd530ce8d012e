package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"connectrpc.com/connect"

	"passbook.example/passbook/branch/api"
)

// The bounds of what a line has, in bytes.
const (
	maxField = 512
	maxURI   = 1 << 10
	// maxLooked is how much of a text is looked through for secrets.
	maxLooked = 8 << 10
)

// line is an event as it is written.
type line struct {
	Time    time.Time `json:"time"`
	Event   Kind      `json:"event"`
	Branch  uint32    `json:"branch,omitempty"`
	Who     string    `json:"who,omitempty"`
	URI     string    `json:"uri,omitempty"`
	By      string    `json:"by,omitempty"`
	From    string    `json:"from,omitempty"`
	What    string    `json:"what,omitempty"`
	Account string    `json:"account,omitempty"`
	Outcome string    `json:"outcome"`
	Text    string    `json:"text,omitempty"`
	// Count is how many events a line stands for that tells of several; 0 for one.
	Count uint64 `json:"count,omitempty"`
}

// newLine returns the line of an event.
func newLine(e Event, now time.Time) line {
	l := line{
		Time: now, Event: e.Kind, Branch: e.Branch, From: clean(e.From, maxField),
		What: clean(e.What, maxField), Account: clean(e.Account, maxField), Outcome: "ok",
	}
	isCall := e.Kind != Certificate && e.Kind != Key
	if isCall || e.Who != nil {
		l.Who = clean(e.Who.String(), maxField)
	}
	if e.Who != nil {
		l.URI = clean(e.Who.URI().String(), maxURI)
	}
	if e.By != nil {
		l.By = clean(e.By.URI().String(), maxURI)
	}
	if e.Err != nil {
		code, text := outcomeOf(e.Err)
		l.Outcome, l.Text = code.String(), clean(text, maxField)
		if !isCall {
			l.Outcome = "failed" // only calls end with a code
		}
	}
	return l
}

// outcomeOf returns the code and the text of an error. One that is about to be told to the
// caller has them apart.
func outcomeOf(err error) (connect.Code, string) {
	var told *connect.Error
	if errors.As(err, &told) {
		return told.Code(), told.Message()
	}
	return api.CodeOf(err), err.Error()
}

// bytes returns the line with its end. Every sign in it can be seen: whoever looks at the
// log on a terminal is shown nothing else than what is there.
func (l line) bytes() []byte {
	l.Time = l.Time.UTC()
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		panic(fmt.Sprintf("a line of texts and numbers can't be written: %v", err))
	}
	text := bytes.TrimSuffix(raw.Bytes(), []byte("\n"))
	out := make([]byte, 0, len(text)+1)
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		out = appendVisible(out, r, text[:n])
		text = text[n:]
	}
	return append(out, '\n')
}

// appendVisible appends a sign of a JSON text, escaped if it can't be seen. Only within
// texts are there signs beyond ASCII.
func appendVisible(out []byte, r rune, raw []byte) []byte {
	switch {
	case r == ' ' || r != utf8.RuneError && unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return append(out, raw...)
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

// secrets are what must not be in the log, and what is there instead: JWTs, whatever
// follows "Bearer", and keys in PEM. No caller here puts any in; a caller of the bank might,
// in a place that is repeated to him.
var secrets = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]*)*`), "[token]"},
	{regexp.MustCompile(`(?i)(bearer)[ +]+[^\s"']{16,}`), "$1 [token]"},
	{regexp.MustCompile(`(?s)-----BEGIN .*`), "[key]"},
}

// clean returns a text without secrets, and not longer than it may be.
func clean(text string, most int) string {
	text = cut(text, maxLooked)
	for _, secret := range secrets {
		text = secret.what.ReplaceAllString(text, secret.as)
	}
	return cut(text, most)
}

// cut returns the beginning of a text that is too long, and a mark that it is no more.
func cut(text string, most int) string {
	const mark = "…"
	if len(text) <= most {
		return text
	}
	end := most - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
