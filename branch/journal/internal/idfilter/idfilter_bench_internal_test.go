package idfilter

import (
	"fmt"
	"testing"
)

// BenchmarkFilter measures what a peer's batch of new request ids costs in a
// filter that has many: looking them up, and adding them.
func BenchmarkFilter(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("ids=%d", n), func(b *testing.B) {
			f := New()
			f.Finish()
			for i := range n {
				f.AddNew(fmt.Sprintf("%022d", i))
			}
			ids := make([]string, 500)
			for b.Loop() {
				b.StopTimer()
				for i := range ids {
					ids[i] = fmt.Sprintf("%022d", n)
					n++
				}
				b.StartTimer()
				unsure := Unsure(&f, nil, ids...)
				for _, id := range ids {
					f.AddNew(id)
				}
				if len(unsure) > 100 {
					b.Fatal(len(unsure))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ids)), "ns/id")
		})
	}
}
