package name

import (
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns a text of anybody's as it may be shown in a line: what can't
// be seen is replaced by an escape as JSON has it, such as \u001b or \u202e, so
// that no terminal obeys it and no line ends early or turns around. Plain blanks
// stay, and so does all that can be seen. In a string of JSON the escapes mean
// what they stand for.
func Printable(text string) string {
	if isShown(text, "") {
		return text
	}
	return string(appendPrintable(make([]byte, 0, len(text)+16), text, ""))
}

// NewWriter returns a writer that replaces what Printable replaces, and passes on all
// else, also the ends of lines and the tabs between columns.
// Each call of Write must have whole characters.
func NewWriter(to io.Writer) io.Writer { return printableWriter{to} }

// printableWriter is what NewWriter returns.
type printableWriter struct {
	to io.Writer // gets printable text only
}

// layout is what a printableWriter passes on, besides what can be seen.
const layout = "\n\t"

// Write implements io.Writer. What it returns counts the bytes that it was given.
func (w printableWriter) Write(p []byte) (int, error) {
	text := string(p)
	if isShown(text, layout) {
		return w.to.Write(p)
	}
	if _, err := w.to.Write(appendPrintable(nil, text, layout)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// appendPrintable appends a text as it may be shown; the characters of except stay.
func appendPrintable(out []byte, text, except string) []byte {
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			out = fmt.Appendf(out, `\x%02x`, text[0])
		case r == ' ' || visible(r) || isOneOf(r, except):
			out = append(out, text[:n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = appendEscape(out, r)
		}
		text = text[n:]
	}
	return out
}

func appendEscape(out []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(out, `\n`...)
	case '\r':
		return append(out, `\r`...)
	case '\t':
		return append(out, `\t`...)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}

func isOneOf(r rune, set string) bool {
	for _, s := range set {
		if r == s {
			return true
		}
	}
	return false
}

// isShown says of most texts that there is nothing to replace.
func isShown(text, except string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && !isOneOf(rune(c), except) {
			return false
		}
	}
	return true
}
