package customer

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"
)

// value is a JSON value that knows its place in the file. Its syntax has been
// checked. Values are slices of the file: nothing is copied.
type value struct {
	raw    []byte // without blanks around it
	offset int
}

// member is one key of an object and its value.
type member struct {
	key   value
	value value
}

// is reports whether the key is a word, apart from the blanks that some files
// have around it.
func (m *member) is(word string) bool {
	inner := m.key.raw[1 : len(m.key.raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(bytes.TrimSpace(inner)) == word
	}
	return m.word() == word
}

// word returns the key without the blanks around it.
func (m *member) word() string {
	text, _ := m.key.text()
	return strings.TrimSpace(text)
}

const jsonBlanks = " \t\r\n"

// newValue returns the value in raw, which starts at an offset in the file.
func newValue(raw []byte, offset int) value {
	trimmed := bytes.TrimLeft(raw, jsonBlanks)
	offset += len(raw) - len(trimmed)
	return value{raw: bytes.TrimRight(trimmed, jsonBlanks), offset: offset}
}

// kind returns the value's first byte, which distinguishes an object ({), an array
// ([), a string (") and the rest.
func (v value) kind() byte { return v.raw[0] }

// items iterates over the values of an array.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		for at := v.next(1); v.raw[at] != ']'; {
			item := v.at(at)
			if !yield(item) {
				return
			}
			at = v.next(at + len(item.raw))
		}
	}
}

// members iterates over the keys of an object, in the file's order.
func (v value) members() iter.Seq[member] {
	return func(yield func(member) bool) {
		for at := v.next(1); v.raw[at] != '}'; {
			key := v.at(at)
			item := v.at(v.next(at + len(key.raw)))
			if !yield(member{key: key, value: item}) {
				return
			}
			at = v.next(item.offset - v.offset + len(item.raw))
		}
	}
}

// next returns where the next item of an array or object begins, or where its
// closing bracket is, from an index on that is between two items.
func (v value) next(at int) int {
	for strings.IndexByte(jsonBlanks+",:", v.raw[at]) >= 0 {
		at++
	}
	return at
}

// at returns the value that begins at an index.
func (v value) at(at int) value {
	return value{raw: v.raw[at:endOfValue(v.raw, at)], offset: v.offset + at}
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

// text returns the text of a string.
func (v value) text() (string, bool) {
	if v.kind() != '"' {
		return "", false
	}
	if inner := v.raw[1 : len(v.raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	err := json.Unmarshal(v.raw, &s)
	return s, err == nil
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
