// Package name says what accounts and request ids may be called. It is the one
// rule for all who take names: the branches, the reader of input files, and the
// command line.
//
// Two names that look the same are one name: so that nobody pays into an account
// that they can't tell from another one, a name has only characters that can be
// seen, with blanks only between them, in the one form that Unicode has for what
// can be written in several.
package name

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxBytes bounds a name, in UTF-8.
const MaxBytes = 128

// Rule says in a few words what a name may be.
const Rule = "up to 128 bytes of UTF-8: letters, digits, signs, and plain blanks between them"

// Check says what is wrong with a name: a text to follow the name of a field, as
// in "account: must not begin with a blank". An empty name, which stands for
// something else wherever it is allowed, has nothing wrong with it.
func Check(text string) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	if isPlain(text) {
		return nil
	}
	for at, r := range text {
		if r == utf8.RuneError {
			return lost(text, at)
		}
		if (at == 0 || at+utf8.RuneLen(r) == len(text)) && unicode.IsSpace(r) {
			return fmt.Errorf("must not begin or end with a blank: %q", text)
		}
		if !visible(r) && r != ' ' || at == 0 && unicode.IsMark(r) {
			return fmt.Errorf("must have only characters that can be seen, and plain blanks between them; it has %U: %+q", r, text)
		}
	}
	if !norm.NFC.IsNormalString(text) {
		return fmt.Errorf("must be in Unicode's composed form (NFC), which is %+q; it is %+q", norm.NFC.String(text), text)
	}
	return nil
}

// lost says that a character is not there any more.
func lost(text string, at int) error {
	if _, n := utf8.DecodeRuneInString(text[at:]); n == 1 {
		return fmt.Errorf("must be UTF-8, and is not at byte %d: %+q", at+1, text)
	}
	return fmt.Errorf("must not have U+FFFD, which stands for a character that was lost when the text was read: %+q", text)
}

// isPlain says that a name is of visible ASCII, as nearly all are: then nothing
// is wrong with it.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return true
}

// unseen are characters that count as letters, marks or signs, and show nothing.
var unseen = []*unicode.RangeTable{
	unicode.Other_Default_Ignorable_Code_Point, // Hangul fillers, the grapheme joiner
	unicode.Variation_Selector,
}

// visible says whether a character can be seen: a letter, mark, number, sign or
// punctuation. Controls, formats such as zero-width or right-to-left, blanks,
// private and unassigned characters can't be.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Zs, r) && r != brailleBlank && !unicode.In(r, unseen...)
}
