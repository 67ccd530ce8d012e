package lamport_test

import (
	"os"
	"path/filepath"
	"testing"

	"passbook.example/passbook/customer/lamport"
)

// Whatever is read can be checked, drawn and written, and what is written is read again.
func FuzzTrace(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		trace, err := lamport.Read(lamport.File{Name: "f", Data: data})
		if err != nil {
			return
		}
		found := lamport.Check(trace)
		for _, v := range found {
			if v.String() == "" || len(v.Lines()) == 0 {
				t.Fatalf("a violation says nothing: %+v", v)
			}
		}
		if picture, err := lamport.Draw(trace, lamport.Choice{}); err == nil {
			wellFormed(t, picture)
		}
		form := lamport.Single
		if trace.Edition == lamport.Edition2020 {
			form = lamport.Form2020
		}
		written, err := lamport.Encode(trace, form, lamport.Propogate)
		if err != nil {
			t.Fatal(err)
		}
		again, err := lamport.Read(lamport.File{Name: "written", Data: written})
		if trace.Events() > 0 && (err != nil || again.Events() != trace.Events()) {
			t.Fatalf("%d events come back as %v, %v:\n%s", trace.Events(), again, err, written)
		}
	})
}
