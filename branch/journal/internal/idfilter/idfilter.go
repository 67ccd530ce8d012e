// Package idfilter recognises nearly every request id that was not recorded before,
// so the store need not be asked. It knows ids and bytes only; the journal adds the
// ids, and chooses where a filter is saved.
package idfilter

import (
	"math/bits"
	"sync"
	"unsafe"

	"github.com/cespare/xxhash/v2"
)

const (
	// maxFilterBytes bounds the filter of a journal: about 29 million request
	// ids.
	maxFilterBytes = 64 << 20
	// firstFilterBytes is the size with which a filter begins, for about 1,800 ids.
	firstFilterBytes = 4 << 10
	// idsPerLine makes 18 bits an id. A full generation then mistakes one new id in
	// two thousand for a recorded one, and the fourteen of the largest filter
	// together less than one in a hundred.
	idsPerLine = 28
	// A generation of at least leastWithSlots bytes makes room for one excluded hash
	// for every bytesPerSlot of them, up to maxSlots, which use half a megabyte.
	leastWithSlots, bytesPerSlot, maxSlots = 1 << 20, 256, 64 << 10
)

// Filter recognises nearly every request id that is not recorded. It is a blocked
// Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom
// Filters, 2007), in generations, each of twice the size of the one before. The zero
// value excludes nothing.
type Filter struct {
	// seed is drawn for this filter, so nobody can choose ids that crowd a line and
	// make others seem recorded.
	seed uint64
	// done is closed to end the filling; filling is for waiting until it has ended.
	done    chan struct{}
	filling sync.WaitGroup

	// mu guards what follows. Hardly anybody ever waits for it: one goroutine commits
	// ids and looks them up.
	mu sync.Mutex
	// complete is whether every recorded id was added. Until then the filter
	// excludes nothing.
	complete bool
	// full is whether it was given up because it had to grow over maxBytes.
	full            bool
	bytes, maxBytes int
	// generations have the ids that were added. The last one has room for room more.
	generations [][]line
	room        int
	// excluded has hashes that were looked up and not found, and not added since: an
	// id is looked up before it is added. The lowest bits of a hash are its index
	// here. It is nil in a small filter.
	excluded []uint64
	// mark is the one that the filter was loaded with, if it was.
	mark Mark
}

// line is where one id has its bits, one in each word. It is as much memory as the
// processor reads at once.
type line [8]uint64

const lineBytes = int(unsafe.Sizeof(line{}))

// New returns an empty filter, which excludes nothing until [Filter.Finish] or
// [Filter.Load].
func New() Filter {
	return Filter{seed: newSeed(), done: make(chan struct{}), maxBytes: maxFilterBytes}
}

// pattern returns the bits that stand for a hash.
func pattern(hash uint64) (p line) {
	hash *= 0x9e3779b97f4a7c15 // so that these bits are not those that choose the line
	for i := range p {
		hash = bits.RotateLeft64(hash, 6)
		p[i] = 1 << (hash & 63)
	}
	return p
}

// place returns the line of a generation that has the bits of a hash.
func place(generation []line, hash uint64) *line {
	i, _ := bits.Mul64(hash, uint64(len(generation)))
	return &generation[i]
}

// Hash returns the hash of an id, which names its line and, mixed again, its bits.
// Somebody can make ids that have the same hash before the seed comes in. Once one of
// them is added, the store is asked for the others, and nothing worse happens.
func (f *Filter) Hash(id string) uint64 {
	high, low := bits.Mul64(xxhash.Sum64String(id)^f.seed, 0x9e3779b97f4a7c15)
	return high ^ low
}

// Excludes reports whether an id is certainly not recorded.
func (f *Filter) Excludes(id string) bool {
	return len(Unsure(f, nil, id)) == 0
}

// Unsure adds the indexes of the ids that may be recorded to out.
func Unsure[ID ~string](f *Filter, out []int, ids ...ID) []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, id := range ids {
		if !f.complete {
			out = append(out, i)
			continue
		}
		hash := f.Hash(string(id))
		if p := pattern(hash); f.has(hash, &p) {
			out = append(out, i)
		} else if slot := f.slot(hash); slot != nil {
			*slot = hash
		}
	}
	return out
}

// slot returns where an excluded hash is kept; nil in a small filter.
func (f *Filter) slot(hash uint64) *uint64 {
	if len(f.excluded) == 0 {
		return nil
	}
	return &f.excluded[hash&uint64(len(f.excluded)-1)] // its length is a power of two
}

// has reports whether an id with this hash may have been added.
func (f *Filter) has(hash uint64, p *line) bool {
	for _, g := range f.generations {
		if place(g, hash).has(p) {
			return true
		}
	}
	return false
}

// has reports whether a line has all bits of a pattern. A line without them all
// mostly lacks one of the first four.
func (l *line) has(p *line) bool {
	missing := p[0]&^l[0] | p[1]&^l[1] | p[2]&^l[2] | p[3]&^l[3]
	return missing == 0 && p[4]&^l[4]|p[5]&^l[5]|p[6]&^l[6]|p[7]&^l[7] == 0
}

// Add adds an id. It reports false when the filter was given up, because of
// this id or before.
func (f *Filter) Add(id []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash := f.Hash(string(id))
	p := pattern(hash)
	return f.put(hash, &p)
}

// AddNew adds an id, and returns its hash and whether it was certainly not
// recorded.
func (f *Filter) AddNew(id string) (hash uint64, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash = f.Hash(id)
	p := pattern(hash)
	slot := f.slot(hash)
	isNew = f.complete && (slot != nil && *slot == hash || !f.has(hash, &p))
	f.put(hash, &p)
	return hash, isNew
}

// put adds the bits of a hash. It reports false when the filter was given up.
func (f *Filter) put(hash uint64, p *line) bool {
	if f.room == 0 {
		f.grow()
	}
	if f.full {
		return false
	}
	f.room--
	if slot := f.slot(hash); slot != nil && *slot == hash {
		*slot = 0
	}
	l := place(f.generations[len(f.generations)-1], hash)
	for i := range l {
		l[i] |= p[i]
	}
	return true
}

// grow begins another generation. Over the bound the filter is given up: it
// would be wrong more and more often.
func (f *Filter) grow() {
	size := firstFilterBytes << len(f.generations)
	if f.full || f.bytes+size > f.maxBytes {
		f.full, f.complete, f.generations, f.excluded, f.bytes = true, false, nil, nil, 0
		return
	}
	if slots := min(size/bytesPerSlot, maxSlots); size >= leastWithSlots && slots > len(f.excluded) {
		f.excluded = make([]uint64, slots)
	}
	f.generations = append(f.generations, make([]line, size/lineBytes))
	f.bytes += size
	f.room = size / lineBytes * idsPerLine
}

// Finish says that every recorded id was added. A filter that was given up goes on
// excluding nothing.
func (f *Filter) Finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.complete = !f.full
}

// Complete reports whether the filter has every recorded id, and any at all.
func (f *Filter) Complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.complete && f.bytes > 0
}

// HasMark reports whether the filter was loaded with a mark.
func (f *Filter) HasMark(mark Mark) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mark == mark
}

// Bytes returns how much memory the filter uses for the ids.
func (f *Filter) Bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// Bound sets how many bytes the filter may use when it has to grow.
func (f *Filter) Bound(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maxBytes = bytes
}
