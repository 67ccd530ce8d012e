package answers_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"passbook.example/passbook/customer/answers"
)

// run is a small input whose customers run at once, and an output of it.
type run struct {
	opening int64
	// writes are those of each customer: positive for a deposit, negative for a
	// withdrawal.
	writes [][]int64
	// succeeded says which did.
	succeeded [][]bool
	// seen is the balance that the query of each customer shows.
	seen []int64
}

// randomRun returns a run in which chance picks who is next.
func randomRun(random *rand.Rand) *run {
	r := &run{opening: random.Int64N(20)}
	for range 1 + random.IntN(3) {
		var writes []int64
		for range random.IntN(4) {
			writes = append(writes, []int64{1, -1}[random.IntN(2)]*(1+random.Int64N(15)))
		}
		r.writes = append(r.writes, writes)
		r.succeeded = append(r.succeeded, make([]bool, len(writes)))
	}
	balance := r.opening
	at := make([]int, len(r.writes))
	for {
		var ready []int
		for c := range at {
			if at[c] < len(r.writes[c]) {
				ready = append(ready, c)
			}
		}
		if len(ready) == 0 {
			break
		}
		c := ready[random.IntN(len(ready))]
		if w := r.writes[c][at[c]]; balance+w >= 0 {
			balance += w
			r.succeeded[c][at[c]] = true
		}
		at[c]++
	}
	for range r.writes {
		r.seen = append(r.seen, balance)
	}
	return r
}

// explained reports whether some order explains the run, by trying all.
func (r *run) explained() bool {
	for _, seen := range r.seen {
		if seen != r.seen[0] {
			return false
		}
	}
	at := make([]int, len(r.writes))
	var try func(balance int64) bool
	try = func(balance int64) bool {
		over := true
		for c := range at {
			if at[c] == len(r.writes[c]) {
				continue
			}
			over = false
			w := r.writes[c][at[c]]
			if (balance+w >= 0) != r.succeeded[c][at[c]] {
				continue
			}
			next := balance
			if balance+w >= 0 {
				next += w
			}
			at[c]++
			found := try(next)
			at[c]--
			if found {
				return true
			}
		}
		return over && balance == r.seen[0]
	}
	return try(r.opening)
}

// files returns the input and the output of a run.
func (r *run) files(t *testing.T) (input, output answers.File) {
	t.Helper()
	var in, out []any
	for c, writes := range r.writes {
		var events, recv []any
		for i, w := range writes {
			kind, result := "deposit", "fail"
			if w < 0 {
				kind = "withdraw"
			}
			if r.succeeded[c][i] {
				result = "success"
			}
			events = append(events, map[string]any{"interface": kind, "money": max(w, -w)})
			recv = append(recv, map[string]any{"interface": kind, "result": result})
		}
		events = append(events, map[string]any{"interface": "query"})
		recv = append(recv, map[string]any{"interface": "query", "balance": r.seen[c]})
		in = append(in, map[string]any{"id": c + 1, "type": "customer", "events": events})
		out = append([]any{map[string]any{"id": c + 1, "recv": recv}}, out...)
	}
	for c := range r.writes {
		in = append(in, map[string]any{"id": c + 1, "type": "branch", "balance": r.opening})
	}
	encode := func(name string, v any) answers.File {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return answers.File{Name: name, Data: data}
	}
	return encode("in", in), encode("out", out)
}

// Exactly those outputs of concurrent customers are right that some order explains.
func TestConcurrentAnswersAreRightIfAnOrderExplainsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(18, 4))
	right, wrong := 0, 0
	for range 3000 {
		r := randomRun(random)
		for round := range 4 {
			if round > 0 { // change a result or a balance
				c := random.IntN(len(r.writes))
				if n := len(r.writes[c]); n > 0 && random.IntN(4) > 0 {
					i := random.IntN(n)
					r.succeeded[c][i] = !r.succeeded[c][i]
					if random.IntN(2) == 0 { // and let the queries agree with it
						delta := r.writes[c][i]
						if !r.succeeded[c][i] {
							delta = -delta
						}
						for q := range r.seen {
							r.seen[q] += delta
						}
					}
				} else {
					r.seen[c] += 1 + random.Int64N(3)
				}
			}
			input, output := r.files(t)
			v := check(t, input, output, true)
			if want := r.explained(); want != (len(v.Differences) == 0) {
				t.Fatalf("some order explains it: %v; found %v\n%s\n%s", want, v.Differences, input.Data, output.Data)
			} else if want {
				right++
			} else {
				wrong++
			}
		}
	}
	if right < 1000 || wrong < 1000 {
		t.Errorf("%d right, %d wrong: want many of both", right, wrong)
	}
}

// The official file at once: 100 elements of 50 customers. And as many withdrawals that
// are all different and partly refused.
func TestManyConcurrentCustomersAreJudged(t *testing.T) {
	var elements []map[string]any
	if err := json.Unmarshal(file(t, expected).Data, &elements); err != nil {
		t.Fatal(err)
	}
	for _, e := range elements {
		for _, a := range e["recv"].([]any) {
			if a := a.(map[string]any); a["interface"] == "query" {
				a["balance"] = 400
			}
		}
	}
	data, err := json.Marshal(elements)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range check(t, file(t, course), answers.File{Name: "out", Data: data}, true).Differences {
		t.Error(d)
	}
	random := rand.New(rand.NewPCG(50, 1))
	r := &run{opening: 1000}
	balance := r.opening
	for range 50 {
		writes := []int64{1 + random.Int64N(20), -1 - random.Int64N(90)}
		r.writes = append(r.writes, writes)
		succeeded := []bool{true, balance+writes[0]+writes[1] >= 0}
		if balance += writes[0]; succeeded[1] {
			balance += writes[1]
		}
		r.succeeded = append(r.succeeded, succeeded)
	}
	refused := 0
	for _, s := range r.succeeded {
		r.seen = append(r.seen, balance)
		if !s[1] {
			refused++
		}
	}
	if refused < 10 {
		t.Fatalf("only %d withdrawals are refused", refused)
	}
	input, output := r.files(t)
	for _, d := range check(t, input, output, true).Differences {
		t.Error(d)
	}
	r.succeeded[3][0] = false
	input, output = r.files(t)
	if v := check(t, input, output, true); len(v.Differences) == 0 {
		t.Error("a refused deposit is not found")
	}
}

// Without results, as in the forms with balances alone, the balances must come of some
// order.
func TestBalancesAloneAreExplainedByAnOrder(t *testing.T) {
	input := answers.File{Name: "in", Data: []byte(`[
{"id":1,"type":"customer","events":[{"interface":"withdraw","money":8,"branch":1},{"interface":"query","branch":1}]},
{"id":2,"type":"customer","events":[{"interface":"withdraw","money":7,"branch":2},{"interface":"query","branch":2}]},
{"id":1,"type":"branch","balance":10},{"id":2,"type":"branch","balance":10}]`)}
	for balance, want := range map[int]bool{2: true, 3: true, 10: false, -5: false} {
		output := answers.File{Name: "out", Data: fmt.Appendf(nil, `[{"id":2,"balance":%d},{"id":1,"balance":%d}]`, balance, balance)}
		if v := check(t, input, output, true); want != (len(v.Differences) == 0) {
			t.Errorf("both end with %d: got %v", balance, v.Differences)
		}
	}
}

// More writes than can be put in order are not judged, and nothing is claimed of them.
func TestTooManyConcurrentWritesAreUndecided(t *testing.T) {
	r := &run{opening: 10}
	for range 50 {
		writes := make([]int64, 90)
		succeeded := make([]bool, len(writes))
		for i := range writes {
			writes[i], succeeded[i] = 1, true
		}
		r.writes, r.succeeded, r.seen = append(r.writes, writes), append(r.succeeded, succeeded), append(r.seen, 10+50*90)
	}
	input, output := r.files(t)
	v, err := answers.Check(input, output, true)
	if err != nil || !v.Undecided || len(v.Differences) > 0 {
		t.Errorf("got %+v, %v, want undecided", v, err)
	}
}

// An account that pays more than it has is told as that, and not as a balance below 0.
func TestAnOverdraftIsToldAsOne(t *testing.T) {
	r := &run{opening: 100, writes: [][]int64{{-80}, {-80}, {-80}}, succeeded: [][]bool{{true}, {true}, {true}}, seen: []int64{20, 20, 20}}
	input, output := r.files(t)
	v := check(t, input, output, true)
	if len(v.Differences) != 1 || v.Differences[0].Problem != `not all results can be "success", whatever the order` ||
		v.Differences[0].Reason != "all withdrawals that succeeded take 240 together, and the account never had more than 100" {
		t.Errorf("got %v", v.Differences)
	}
}
