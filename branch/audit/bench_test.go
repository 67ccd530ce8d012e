package audit_test

import (
	"testing"

	"passbook.example/passbook/branch/audit"
)

// BenchmarkFlood is what a refusal costs that is only counted, as in a flood of them.
func BenchmarkFlood(b *testing.B) {
	l, err := audit.Open(b.TempDir()+"/audit.jsonl", audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.ReportAllocs()
	for b.Loop() {
		l.Write(nobody)
	}
}
