package customer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// value is a JSON value that knows where in the file it stands. Its syntax has
// been checked.
type value struct {
	raw    []byte // without blanks around it
	offset int
}

// member is one key of an object and its value.
type member struct {
	key   string // without the blanks that some files have around it
	at    int    // the key's offset in the file
	value value
}

// newValue returns the value in raw, which starts at an offset in the file.
func newValue(raw []byte, offset int) value {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	offset += len(raw) - len(trimmed)
	return value{raw: bytes.TrimRight(trimmed, " \t\r\n"), offset: offset}
}

// kind returns the value's first byte, which tells an object ({) from an array
// ([), a string (") and the rest.
func (v value) kind() byte { return v.raw[0] }

// items iterates over the values of an array.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		w := v.walk()
		for w.decoder.More() {
			if !yield(w.value()) {
				return
			}
		}
	}
}

// members iterates over the keys of an object, in the file's order.
func (v value) members() iter.Seq[member] {
	return func(yield func(member) bool) {
		w := v.walk()
		for w.decoder.More() {
			at := w.next()
			key, _ := w.token().(string)
			if !yield(member{key: strings.TrimSpace(key), at: at, value: w.value()}) {
				return
			}
		}
	}
}

// text returns the text of a string.
func (v value) text() (string, bool) {
	var s string
	if v.kind() != '"' || json.Unmarshal(v.raw, &s) != nil {
		return "", false
	}
	return s, true
}

// String describes the value for a message: itself if it is short.
func (v value) String() string {
	const most = 40
	switch {
	case v.kind() == '{':
		return "an object"
	case v.kind() == '[':
		return "an array"
	case len(v.raw) <= most:
		return string(v.raw)
	}
	end := most
	for !utf8.RuneStart(v.raw[end]) {
		end--
	}
	return string(v.raw[:end]) + "…"
}

// walk goes through an array or object from its first item on.
type walk struct {
	of      value
	decoder *json.Decoder
	raw     json.RawMessage // reused
}

func (v value) walk() *walk {
	w := &walk{of: v, decoder: json.NewDecoder(bytes.NewReader(v.raw))}
	w.token() // the opening bracket
	return w
}

// next returns the offset in the file at which the next token starts.
func (w *walk) next() int {
	end := int(w.decoder.InputOffset())
	rest := w.of.raw[end:]
	return w.of.offset + end + len(rest) - len(bytes.TrimLeft(rest, " \t\r\n,"))
}

func (w *walk) token() json.Token {
	token, err := w.decoder.Token()
	w.check(err)
	return token
}

// value decodes the next value.
func (w *walk) value() value {
	w.check(w.decoder.Decode(&w.raw))
	end := int(w.decoder.InputOffset())
	start := end - len(w.raw)
	return newValue(w.of.raw[start:end], w.of.offset+start)
}

// check panics on an error: the syntax of the whole file was found right
// before the first walk.
func (w *walk) check(err error) {
	if err != nil {
		panic(fmt.Sprintf("customer: decode checked JSON at offset %d: %v", w.of.offset, err))
	}
}
