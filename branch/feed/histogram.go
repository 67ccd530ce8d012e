package feed

import (
	"math/bits"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// spreadBuckets is how many buckets there are: four for each doubling, up to
// two hours.
const spreadBuckets = 128

// histogram counts entries by how many microseconds they took.
type histogram [spreadBuckets]uint64

// bucketOf returns the bucket of a time in microseconds.
func bucketOf(us int64) int {
	v := uint64(max(us, 0))
	if v < 4 {
		return int(v)
	}
	shift := bits.Len64(v) - 3
	return min(4*shift+int(v>>shift), spreadBuckets-1)
}

// mostOf returns the longest time of a bucket, in microseconds.
func mostOf(bucket int) int64 {
	if bucket < 4 {
		return int64(bucket)
	}
	shift := bucket/4 - 1
	return int64(bucket%4+5)<<shift - 1
}

// percentile returns the time within which p of a hundred entries were, in
// microseconds; 0 when there are none.
func (h *histogram) percentile(p uint64) int64 {
	var all uint64
	for _, n := range h {
		all += n
	}
	if all == 0 {
		return 0
	}
	rank := max((all*p+99)/100, 1)
	for i, n := range h {
		if n >= rank {
			return max(mostOf(i), 1)
		}
		rank -= n
	}
	return mostOf(spreadBuckets - 1)
}

// bucketCount is one bucket of a histogram that has few.
type bucketCount struct {
	// bucket is its place in the histogram.
	bucket int
	// count is how many entries it has.
	count uint64
}

// pack returns the buckets that are not empty.
func (h *histogram) pack() []bucketCount {
	var out []bucketCount
	for i, n := range h {
		if n > 0 {
			out = append(out, bucketCount{i, n})
		}
	}
	return out
}

// add counts more entries.
func (h *histogram) add(buckets []bucketCount) {
	for _, b := range buckets {
		h[b.bucket] += b.count
	}
}

func bucketsToProto(in []bucketCount) []*bankv1.SpreadBucket {
	out := make([]*bankv1.SpreadBucket, len(in))
	for i, b := range in {
		out[i] = &bankv1.SpreadBucket{MostUs: mostOf(b.bucket), Count: b.count}
	}
	return out
}

func bucketsFromProto(in []*bankv1.SpreadBucket) []bucketCount {
	out := make([]bucketCount, 0, min(len(in), spreadBuckets))
	for _, b := range in[:min(len(in), spreadBuckets)] {
		out = append(out, bucketCount{bucketOf(b.GetMostUs()), b.GetCount()})
	}
	return out
}
