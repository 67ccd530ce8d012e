package customer_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf16"

	"passbook.example/passbook/customer"
)

// wide encodes a text as UTF-16.
func wide(order binary.AppendByteOrder, text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// What is not UTF-8 would make one account of two: it is refused, and named as
// what it is.
func TestInputThatIsNotUTF8IsRefused(t *testing.T) {
	const (
		good  = `[{"id":1,"type":"branch","balance":5}]`
		event = `[{"id":1,"type":"branch","balance":5},` + "\n" + `{"id":1,"type":"customer","events":[{"interface":"query","account":"é@"}]}]`
		utf16 = `input.json:1:1: the file is UTF-16 text, as some editors call Unicode; save it as UTF-8`
	)
	at := func(name string) string { return strings.Replace(event, "@", name, 1) }
	for name, test := range map[string]struct{ text, want string }{
		"Latin-1":                   {at("\xe9"), `input.json:2:70: not UTF-8: the byte 0xe9, which is 'é' in Latin-1; save the file as UTF-8`},
		"Windows-1252":              {at("\x93"), `input.json:2:70: not UTF-8: the byte 0x93; save the file as UTF-8`},
		"surrogate as bytes":        {at("\xed\xa0\x80"), `input.json:2:70: not UTF-8: the byte 0xed, which is 'í' in Latin-1; save the file as UTF-8`},
		"overlong":                  {at("\xc0\xaf"), `input.json:2:70: not UTF-8: the byte 0xc0, which is 'À' in Latin-1; save the file as UTF-8`},
		"cut off":                   {good + "\xe2\x80", `input.json:1:39: not UTF-8: the byte 0xe2, which is 'â' in Latin-1; save the file as UTF-8`},
		"between values":            {"[\n\xff" + good[1:], `input.json:2:1: not UTF-8: the byte 0xff, which is 'ÿ' in Latin-1; save the file as UTF-8`},
		"UTF-16, little":            {wide(binary.LittleEndian, good), utf16},
		"UTF-16, big":               {wide(binary.BigEndian, good), utf16},
		"UTF-16, little, with mark": {wide(binary.LittleEndian, "\ufeff"+good), utf16},
		"UTF-16, big, with mark":    {wide(binary.BigEndian, "\ufeff"+good), utf16},
		"UTF-32":                    {"[\x00\x00\x00]\x00\x00\x00", strings.Replace(utf16, "16", "32", 1)},
		"UTF-32, with mark":         {"\x00\x00\xfe\xff\x00\x00\x00[", strings.Replace(utf16, "16", "32", 1)},

		"high surrogate":           {at(`\ud800`), `input.json:2:70: \ud800 is half of a character, and the other half is missing`},
		"low surrogate":            {at(`\uDC00`), `input.json:2:70: \uDC00 is half of a character, and the other half is missing`},
		"two high ones":            {at(`\ud83d\ud83d`), `input.json:2:70: \ud83d is half of a character, and the other half is missing`},
		"wrong order":              {at(`\ude42\ud83d`), `input.json:2:70: \ude42 is half of a character, and the other half is missing`},
		"after a backslash":        {at(`\\\ud83d`), `input.json:2:72: \ud83d is half of a character, and the other half is missing`},
		"in a key":                 {strings.Replace(good, "balance", `b\ud800`, 1), `input.json:1:28: \ud800 is half of a character, and the other half is missing`},
		"replacement character":    {at("\ufffd"), `input.json:2:68: element 2 (customer 1), event 1: account: must not have U+FFFD, which stands for a character that was lost when the text was read: "\u00e9\ufffd"`},
		"replacement, escaped":     {at(`\ufffd`), `input.json:2:68: element 2 (customer 1), event 1: account: must not have U+FFFD, which stands for a character that was lost when the text was read: "\u00e9\ufffd"`},
		"typographic quote":        {strings.Replace(good, `"id"`, `“id”`, 1), `input.json:1:3: not JSON: “ (U+201C) is a typographic quote, as word processors put in; JSON has the straight one: "`},
		"typographic value":        {strings.Replace(good, `"branch"`, `‘branch’`, 1), `input.json:1:17: not JSON: ‘ (U+2018) is a typographic quote, as word processors put in; JSON has the straight one: "`},
		"no-break blank":           {strings.Replace(good, ",", ",\u00a0", 1), `input.json:1:10: not JSON: U+00A0 is a blank that JSON does not have; put a plain one there`},
		"minus":                    {strings.Replace(good, "5", "−5", 1), `input.json:1:36: not JSON: invalid character '−' (U+2212) looking for beginning of value`},
		"a second byte order mark": {"\ufeff\ufeff" + good, `input.json:1:1: not JSON: invalid character '\ufeff' (U+FEFF) looking for beginning of value`},
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, test.text, test.want) })
	}
	for _, text := range []string{at(""), at(`\u00e9`), at(`\ud83d\ude42`), at(`\\ud83d`), at("\U0001f642"), "\ufeff" + good, at("“”")} {
		read(t, text)
	}
}

// Names are what the branches take, too.
func TestNamesInInputAreChecked(t *testing.T) {
	const place = `input.json:1:36: element 1 (customer 1), event 1: `
	for _, test := range []struct{ event, want string }{
		{`{"interface":"query","account":" rent"}`, `account: must not begin or end with a blank: " rent"`},
		{`{"interface":"query","account":"a\u202eb"}`, `account: must have only characters that can be seen, and plain blanks between them; it has U+202E: "a\u202eb"`},
		{`{"interface":"transfer","money":1,"from":"rent ","to":"b"}`, `from: must not begin or end with a blank: "rent "`},
		{`{"interface":"transfer","money":1,"to":"a\tb"}`, `to: must have only characters that can be seen, and plain blanks between them; it has U+0009: "a\tb"`},
		{`{"interface":"query","account":"` + strings.Repeat("a", 129) + `"}`, `account: has 129 bytes, at most 128 are allowed`},
	} {
		_, err := customer.ReadInput("input.json", strings.NewReader(`[{"id":1,"type":"customer","events":[`+test.event+`]},{"id":1,"type":"branch","balance":0}]`))
		if got := errorText(err); !strings.HasSuffix(got, ": element 1 (customer 1), event 1: "+test.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", test.event, got, place+test.want)
		}
	}
}

// The files of testdata/odd give what was said beforehand.
func TestOddFiles(t *testing.T) {
	for name, want := range map[string]string{
		"latin1-accounts.json":    `2:57: not UTF-8: the byte 0xe9, which is 'é' in Latin-1; save the file as UTF-8`,
		"typographic-quotes.json": `1:10: not JSON: “ (U+201C) is a typographic quote, as word processors put in; JSON has the straight one: "`,
		"money-as-string.json":    `1:77: element 1 (customer 1), event 1: money: must be a positive integer, got "50"`,
	} {
		data, err := os.ReadFile("testdata/odd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		checkRefused(t, string(data), "input.json:"+want)
	}
	in := readFile(t, "testdata/odd/utf8-accounts.json")
	if a, b := in.Customers[0].Events[0].Account, in.Customers[0].Events[1].Account; a != "café" || b != "cafè" {
		t.Errorf("the accounts are %q and %q", a, b)
	}
}

// A branch that the file does not have is told of, with its first event.
func TestUnknownBranches(t *testing.T) {
	in := read(t, `[{"id":9,"type":"customer","events":[
{"interface":"query"},
{"interface":"query","branch":1},
{"interface":"query","branch":-3},
{"interface":"query"}]},
{"id":12,"type":"customer","events":[]},
{"id":1,"type":"branch","balance":0}]`)
	want := []string{
		"input.json:2: branch 9 is not in the file: its 2 events fail by name",
		"input.json:4: branch -3 is not in the file: its event fails by name",
	}
	if got := in.UnknownBranches(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of very many such branches the first are named.
func TestUnknownBranchesAreBounded(t *testing.T) {
	var events []string
	for i := range 300 {
		events = append(events, fmt.Sprintf(`{"interface":"query","branch":%d}`, 1000+i/2))
	}
	in := read(t, `[{"id":1,"type":"customer","events":[`+strings.Join(events, ",")+`]},{"id":1,"type":"branch","balance":0}]`)
	got := in.UnknownBranches()
	if want := "input.json: 100 more events go to further branches that are not in the file, and fail by name"; len(got) != 101 || got[100] != want {
		t.Errorf("got %d texts, the last %q, want 101 and %q", len(got), got[len(got)-1], want)
	}
}
