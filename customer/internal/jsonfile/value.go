package jsonfile

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// Value is a JSON value that knows its place in the file. Its syntax has been
// checked. Values are slices of the file: nothing is copied.
type Value struct {
	Raw    []byte // without blanks around it
	Offset int
}

// Member is one key of an object and its value.
type Member struct {
	Key   Value
	Value Value
}

// Is reports whether the key is a word, apart from the blanks that some files
// have around it.
func (m *Member) Is(word string) bool {
	inner := m.Key.Raw[1 : len(m.Key.Raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(bytes.TrimSpace(inner)) == word
	}
	return m.Word() == word
}

// Word returns the key without the blanks around it.
func (m *Member) Word() string {
	text, _ := m.Key.Text()
	return strings.TrimSpace(text)
}

const jsonBlanks = " \t\r\n"

// New returns the value in raw, which starts at an offset in the file.
func New(raw []byte, offset int) Value {
	trimmed := bytes.TrimLeft(raw, jsonBlanks)
	offset += len(raw) - len(trimmed)
	return Value{Raw: bytes.TrimRight(trimmed, jsonBlanks), Offset: offset}
}

// Kind returns the value's first byte, which distinguishes an object ({), an array
// ([), a string (") and the rest.
func (v Value) Kind() byte { return v.Raw[0] }

// Items iterates over the values of an array.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		for at := v.next(1); v.Raw[at] != ']'; {
			item := v.at(at)
			if !yield(item) {
				return
			}
			at = v.next(at + len(item.Raw))
		}
	}
}

// Members iterates over the keys of an object, in the file's order.
func (v Value) Members() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for at := v.next(1); v.Raw[at] != '}'; {
			key := v.at(at)
			item := v.at(v.next(at + len(key.Raw)))
			if !yield(Member{Key: key, Value: item}) {
				return
			}
			at = v.next(item.Offset - v.Offset + len(item.Raw))
		}
	}
}

// next returns where the next item of an array or object begins, or where its
// closing bracket is, from an index on that is between two items.
func (v Value) next(at int) int {
	for strings.IndexByte(jsonBlanks+",:", v.Raw[at]) >= 0 {
		at++
	}
	return at
}

// at returns the value that begins at an index.
func (v Value) at(at int) Value {
	return Value{Raw: v.Raw[at:endOfValue(v.Raw, at)], Offset: v.Offset + at}
}

// endOfValue returns the end of the value that begins at an index.
func endOfValue(data []byte, at int) int {
	switch data[at] {
	case '"':
		return endOfString(data, at)
	case '{', '[':
		return endOfBrackets(data, at)
	}
	for at < len(data) && strings.IndexByte(jsonBlanks+",]}", data[at]) < 0 {
		at++
	}
	return at
}

// endOfString returns the end of the string that begins at an index.
func endOfString(data []byte, at int) int {
	for at++; data[at] != '"'; at++ {
		if data[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// endOfBrackets returns the end of the array or object that begins at an index.
func endOfBrackets(data []byte, at int) int {
	for depth := 0; ; {
		switch data[at] {
		case '"':
			at = endOfString(data, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		at++
		if depth == 0 {
			return at
		}
	}
}

// Text returns the text of a string.
func (v Value) Text() (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	if inner := v.Raw[1 : len(v.Raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(v.Raw, &s)
	return s, err == nil
}

// String describes the value for a message: itself if it is short.
func (v Value) String() string {
	const most = 40
	switch {
	case v.Kind() == '{':
		return "an object"
	case v.Kind() == '[':
		return "an array"
	case len(v.Raw) <= most:
		return string(v.Raw)
	}
	end := most
	for !utf8.RuneStart(v.Raw[end]) {
		end--
	}
	return string(v.Raw[:end]) + "…"
}
