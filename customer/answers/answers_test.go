package answers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"passbook.example/passbook/customer/answers"
)

// Places of the course's files.
const (
	course   = "../../examples/course-50.json"
	expected = "../../examples/course-50.expected.json"
	dialects = "../testdata/"
)

func file(t *testing.T, name string) answers.File {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return answers.File{Name: name, Data: data}
}

func check(t *testing.T, input, output answers.File, concurrent bool) *answers.Verdict {
	t.Helper()
	v, err := answers.Check(input, output, concurrent)
	if err != nil {
		t.Fatal(err)
	}
	if v.Undecided {
		t.Fatal("it is not decided")
	}
	return v
}

// rights are the course's inputs with right outputs, in all editions and forms.
var rights = []struct {
	input, output string
	form          answers.Form
	mode          answers.Mode
}{
	{course, expected, answers.Basic, answers.Sequential},
	{dialects + "i1.json", dialects + "i1.basic.json", answers.Basic, answers.Sequential},
	{dialects + "i1.json", dialects + "i1.concurrent.json", answers.Basic, answers.Concurrent},
	{dialects + "i2.json", dialects + "i2.basic.json", answers.Basic, answers.Sequential},
	{dialects + "i3.json", dialects + "i3.basic.json", answers.Basic, answers.Sequential},
	{dialects + "i5.json", dialects + "i5.consistency.json", answers.Consistency, answers.Sequential},
	{dialects + "i5.json", dialects + "i5.consistency-final.json", answers.Final, answers.Sequential},
	{dialects + "i6.json", dialects + "i6.consistency.json", answers.Consistency, answers.Sequential},
	{dialects + "i7.json", dialects + "i7.consistency.json", answers.Consistency, answers.Sequential},
	{dialects + "i8.json", dialects + "i8.consistency.json", answers.Consistency, answers.Sequential},
	{dialects + "i8.json", dialects + "i8.consistency-final.json", answers.Final, answers.Sequential},
	{"testdata/monotonic-writes.json", "testdata/monotonic-writes.expected.json", answers.MonotonicWrites, answers.Sequential},
	{dialects + "odd/utf8-accounts.json", "testdata/utf8-accounts.expected.json", answers.Basic, answers.Sequential},
}

func TestRightOutputsAreRight(t *testing.T) {
	for _, r := range rights {
		v := check(t, file(t, r.input), file(t, r.output), false)
		for _, d := range v.Differences {
			t.Errorf("%s: %s", r.output, d)
		}
		if v.Form != r.form || v.Mode != r.mode {
			t.Errorf("%s: form %s, customers %s; want %s and %s", r.output, v.Form, v.Mode, r.form, r.mode)
		}
	}
}

// Other words for the same, as students have them, are right.
func TestOddKeysAndWordsAreTaken(t *testing.T) {
	right := string(file(t, dialects+"i2.basic.json").Data)
	for _, change := range [][2]string{
		{`"balance"`, `" balance "`},
		{`"balance"`, `"money"`},
		{`"recv"`, `"Recv"`},
		{`"success"`, `"Success"`},
		{`"interface": "query",`, `"result": "success", "id": 7, "interface": "query",`},
	} {
		odd := strings.ReplaceAll(right, change[0], change[1])
		if odd == right {
			t.Fatalf("%s is not in the file", change[0])
		}
		for _, d := range check(t, file(t, dialects+"i2.json"), answers.File{Name: "odd", Data: []byte(odd)}, false).Differences {
			t.Errorf("with %s: %s", change[1], d)
		}
	}
}

// A customer's query that misses its own write says so.
func TestDifferencesSayWhatWasExpectedAndWhy(t *testing.T) {
	input := answers.File{Name: "in", Data: []byte(`[{"id":1,"type":"customer","events":[
{"id":1,"interface":"deposit","money":7,"branch":1},
{"id":2,"interface":"withdraw","money":8,"branch":2},
{"id":3,"interface":"query","branch":2}]},
{"id":1,"type":"branch","balance":0},{"id":2,"type":"branch","balance":0}]`)}
	output := answers.File{Name: "out", Data: []byte(`[
{"id":1,"recv":[{"interface":"deposit","branch":1,"result":"success"}]},
{"id":1,"recv":[{"interface":"withdraw","branch":2,"result":"success"}]},
{"id":1,"recv":[{"interface":"query","branch":1,"balance":0}]}]`)}
	var got []string
	for _, d := range check(t, input, output, false).Differences {
		got = append(got, d.String())
	}
	want := []string{
		`out:3:17: element 2 (id 1), answer 1: result must be "fail", got "success" (in:3, withdraw of 8 by customer 1 at branch 2): the account has 7`,
		`out:4:17: element 3 (id 1), answer 1: branch must be 2, got 1 (in:4, query by customer 1 at branch 2)`,
		`out:4:17: element 3 (id 1), answer 1: balance must be 7, got 0 (in:4, query by customer 1 at branch 2): that was the balance before the deposit of 7 by customer 1 at branch 1 (in:2), and a customer sees its own writes`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What is left out, too much, out of order, or put together is one difference, however
// much comes after it.
func TestWhatMovesIsOneDifference(t *testing.T) {
	for name, test := range map[string]struct {
		change func(elements []any) []any
		want   string
	}{
		"an element is missing": {
			func(e []any) []any { return slices.Delete(e, 10, 11) },
			`2 answers of customer 11 are missing before this, from "deposit" on`,
		},
		"an element twice": {
			func(e []any) []any { return slices.Insert(e, 10, e[9]) },
			`a deposit that customer 10 did not ask for, or not here, or not so often`,
		},
		"two elements out of order": {
			func(e []any) []any { e[10], e[11] = e[11], e[10]; return e },
			`out of order: the answers are in the order of the input's events`,
		},
		"an answer is missing": {
			func(e []any) []any {
				recv := e[10].(map[string]any)["recv"].([]any)
				e[10].(map[string]any)["recv"] = recv[:1]
				return e
			},
			`an answer of customer 11 is missing before this: balance 510`,
		},
		"two elements put together": {
			func(e []any) []any {
				a, b := e[10].(map[string]any), e[11].(map[string]any)
				b["id"] = a["id"]
				return e
			},
			`2 answers of customer 12 are missing`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var elements []any
			if err := json.Unmarshal(file(t, expected).Data, &elements); err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(test.change(elements))
			if err != nil {
				t.Fatal(err)
			}
			v := check(t, file(t, course), answers.File{Name: "out", Data: data}, false)
			if len(v.Differences) == 0 || len(v.Differences) > 3 || !slices.ContainsFunc(v.Differences, func(d answers.Difference) bool { return strings.Contains(d.Problem, test.want) }) {
				t.Errorf("got %v, want few with %q", v.Differences, test.want)
			}
		})
	}
}

// Elements that are put together by customer id are found: the course's own file has
// each customer twice.
func TestElementsPutTogetherAreFound(t *testing.T) {
	var elements, merged []map[string]any
	if err := json.Unmarshal(file(t, expected).Data, &elements); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		a, b := elements[i], elements[i+50]
		a["recv"] = append(a["recv"].([]any), b["recv"].([]any)...)
		merged = append(merged, a)
	}
	data, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	if v := check(t, file(t, course), answers.File{Name: "out", Data: data}, false); len(v.Differences) == 0 {
		t.Error("it is not found")
	}
}

func TestWhatIsNoOutputIsNotRead(t *testing.T) {
	for text, want := range map[string]string{
		`[`:                                      `out:1:2: not JSON: unexpected end of JSON input`,
		`{}`:                                     `out:1:1: must be an array of what customers received, got an object`,
		`[3]`:                                    `out:1:2: element 1: must be an object, got 3`,
		`[{"id":1,"type":"branch","balance":4}]`: `out:1:2: element 1: this is an input, or a trace of logical clocks (see passbook trace check); an output has what customers received`,
		`[{"pid":1,"data":[]}]`:                  `out:1:2: element 1: this is a trace of logical clocks: see passbook trace check`,
	} {
		_, err := answers.Check(file(t, course), answers.File{Name: "out", Data: []byte(text)}, false)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := answers.Check(answers.File{Name: "in", Data: []byte("[]")}, file(t, expected), false); err == nil || !strings.HasPrefix(err.Error(), "in:1:1: no branches") {
		t.Errorf("an input without branches: got %v", err)
	}
}

// Of every change of a right output, each is found that changes what it says.
func TestEveryChangeOfARightOutputIsFound(t *testing.T) {
	found := 0
	for _, r := range rights {
		input, output := file(t, r.input), file(t, r.output)
		var right any
		if err := json.Unmarshal(output.Data, &right); err != nil {
			t.Fatal(err)
		}
		changes(right, func(what string, changed any) {
			data, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			before, err := json.Marshal(right)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(data, before) {
				return
			}
			if r.mode == answers.Concurrent && strings.HasSuffix(what, "] swapped") {
				return // their elements are in any order
			}
			if v := check(t, input, answers.File{Name: "out", Data: data}, false); len(v.Differences) == 0 {
				t.Errorf("%s: %s is not found", r.output, what)
			}
			found++
		})
	}
	if found < 1000 {
		t.Errorf("only %d changes", found)
	}
}

// changes calls yield with every value that one change makes of a value.
func changes(v any, yield func(what string, changed any)) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			if len(v) > 12 && i > 2 && i < len(v)-3 && i != 50 {
				continue
			}
			yield(fmt.Sprintf("[%d] deleted", i), slices.Delete(slices.Clone(v), i, i+1))
			yield(fmt.Sprintf("[%d] doubled", i), slices.Insert(slices.Clone(v), i, v[i]))
			if i > 0 {
				swapped := slices.Clone(v)
				swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
				yield(fmt.Sprintf("[%d] swapped", i), swapped)
			}
			changes(v[i], func(what string, changed any) {
				list := slices.Clone(v)
				list[i] = changed
				yield(fmt.Sprintf("[%d].%s", i, what), list)
			})
		}
	case map[string]any:
		for key := range v {
			change := func(what string, set func(map[string]any)) {
				changed := map[string]any{}
				for k, old := range v {
					changed[k] = old
				}
				set(changed)
				yield(key+" "+what, changed)
			}
			change("deleted", func(m map[string]any) { delete(m, key) })
			changes(v[key], func(what string, changed any) {
				change(what, func(m map[string]any) { m[key] = changed })
			})
		}
	case float64:
		for _, by := range []float64{-1, 1, 10, 1000} {
			yield(fmt.Sprintf("changed by %v", by), v+by)
		}
		yield("made a text", fmt.Sprint(v))
		yield("made null", nil)
	case string:
		for _, other := range []string{"success", "fail", "deposit", "withdraw", "query", "", "other"} {
			yield("made "+other, other)
		}
	}
}
