package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// checkEncoding says where and how a file is not UTF-8, with an empty problem if
// it is. Go's decoder would put the same character in place of whatever it can't
// read, and make one account of two.
func checkEncoding(data []byte) (offset int, problem string) {
	if name := wideEncoding(data); name != "" {
		return 0, fmt.Sprintf("the file is %s text, as some editors call Unicode; save it as UTF-8", name)
	}
	if utf8.Valid(data) {
		return 0, ""
	}
	for rest := data; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			return len(data) - len(rest), notUTF8(rest[0])
		}
		rest = rest[n:]
	}
	return 0, ""
}

// notUTF8 describes a byte that does not begin a character of UTF-8.
func notUTF8(b byte) string {
	latin := ""
	if b >= 0xa0 {
		latin = fmt.Sprintf(", which is %q in Latin-1", rune(b))
	}
	return fmt.Sprintf("not UTF-8: the byte 0x%02x%s; save the file as UTF-8", b, latin)
}

// wideEncoding returns the name of the encoding of a file whose characters have
// two or four bytes each, and an empty name for other files. It goes by the byte
// order mark, or by the zero bytes that the first characters of a JSON text have
// in such an encoding.
func wideEncoding(data []byte) string {
	for _, known := range []struct{ begin, name string }{
		{"\xff\xfe\x00\x00", "UTF-32"}, {"\x00\x00\xfe\xff", "UTF-32"}, {"\xff\xfe", "UTF-16"}, {"\xfe\xff", "UTF-16"},
	} {
		if bytes.HasPrefix(data, []byte(known.begin)) {
			return known.name
		}
	}
	if len(data) < 4 {
		return ""
	}
	zeros := [4]bool{}
	for i := range zeros {
		zeros[i] = data[i] == 0
	}
	switch zeros {
	case [4]bool{false, true, true, true}, [4]bool{true, true, true, false}:
		return "UTF-32"
	case [4]bool{false, true, false, true}, [4]bool{true, false, true, false}:
		return "UTF-16"
	}
	return ""
}

// checkSurrogates says where a string in a file of valid JSON has half of a
// character: an escape such as \ud800 that makes no pair with the next one.
func checkSurrogates(data []byte) (offset int, problem string) {
	const escape = len(`\u0000`)
	for at := 0; ; {
		next := bytes.IndexByte(data[at:], '\\')
		if next < 0 {
			return 0, ""
		}
		at += next
		switch first := escaped(data[at:]); {
		case first < 0:
			at += len(`\n`)
		case !utf16.IsSurrogate(first):
			at += escape
		case utf16.DecodeRune(first, escaped(data[at+escape:])) == unicode.ReplacementChar:
			return at, fmt.Sprintf("%s is half of a character, and the other half is missing", data[at:at+escape])
		default:
			at += 2 * escape
		}
	}
}

// escaped returns what an escape such as \u00e9 at the beginning of data stands
// for; -1 if there is none.
func escaped(data []byte) rune {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// checkSyntax says where and how a file is not JSON.
func checkSyntax(data []byte) (offset int, problem string) {
	err := json.Unmarshal(data, new(syntaxOnly))
	if err == nil {
		return 0, ""
	}
	offset = len(data)
	text := err.Error()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && text != "unexpected end of JSON input" {
		// Offset counts the bytes read, the offending one included.
		offset = max(0, int(syntax.Offset)-1)
	}
	if r, _ := utf8.DecodeRune(data[offset:]); offset < len(data) && r >= utf8.RuneSelf {
		return offset, "not JSON: " + foreign(r, text)
	}
	switch {
	case strings.Contains(text, "after array element"), strings.Contains(text, "after object key:value pair"):
		text += " (is a comma missing?)"
	case strings.Contains(text, "after top-level value"):
		text += " (the file goes on after its array)"
	}
	return offset, "not JSON: " + text
}

// foreign describes a character that JSON does not have outside of strings. It
// keeps the end of Go's own text, which names only the character's first byte.
func foreign(r rune, text string) string {
	switch {
	case strings.ContainsRune("“”„‟″«»‘’‚‛′", r):
		return fmt.Sprintf(`%c (%U) is a typographic quote, as word processors put in; JSON has the straight one: "`, r, r)
	case unicode.Is(unicode.Zs, r):
		return fmt.Sprintf("%U is a blank that JSON does not have; put a plain one there", r)
	}
	_, where, _ := strings.Cut(text, "' ")
	return fmt.Sprintf("invalid character %q (%U) %s", r, r, where)
}

// syntaxOnly accepts any JSON value and keeps nothing of it.
type syntaxOnly struct{}

// UnmarshalJSON does nothing: the caller's syntax check is all that is wanted.
func (*syntaxOnly) UnmarshalJSON([]byte) error { return nil }
