package answers_test

import (
	"os"
	"testing"

	"passbook.example/passbook/customer/answers"
)

// Whatever is read can be judged, either way.
func FuzzCheck(f *testing.F) {
	for _, r := range rights[1:] {
		input, err := os.ReadFile(r.input)
		if err != nil {
			f.Fatal(err)
		}
		output, err := os.ReadFile(r.output)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(input, output)
	}
	f.Fuzz(func(t *testing.T, input, output []byte) {
		for _, concurrent := range []bool{false, true} {
			v, err := answers.Check(answers.File{Name: "in", Data: input}, answers.File{Name: "out", Data: output}, concurrent)
			if err != nil {
				continue
			}
			for _, d := range v.Differences {
				if d.Place() == "" || d.Problem == "" {
					t.Fatalf("a difference says nothing: %+v", d)
				}
			}
		}
	})
}
