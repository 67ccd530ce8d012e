package journal

import (
	"errors"
	"math/bits"
	"sync"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"

	"passbook.example/passbook/branch/ledger"
)

const (
	// maxFilterBytes bounds the filter of a journal: about 29 million request
	// ids.
	maxFilterBytes = 64 << 20
	// firstFilterBytes is what a filter begins with, of about 1,800 ids.
	firstFilterBytes = 4 << 10
	// idsPerLine makes 18 bits an id. One generation that is full then takes
	// one in two thousand new ids for recorded, and the fourteen of the largest
	// filter together less than one in a hundred.
	idsPerLine = 28
	// A generation of leastWithSlots has so many of its bytes for each hash that is
	// kept since it is excluded, up to maxSlots, half a megabyte.
	leastWithSlots, bytesPerSlot, maxSlots = 1 << 20, 256, 64 << 10
)

// filter tells at once of nearly every new request id that it is not recorded.
// It is a blocked Bloom filter (Putze, Sanders, Singler: Cache-, Hash- and
// Space-Efficient Bloom Filters, 2007), in generations, each of twice the size
// of the one before. The zero value excludes nothing.
type filter struct {
	// seed is of this directory, so that nobody can choose ids that crowd a line
	// and make others look recorded.
	seed uint64
	// done is closed to end the filling, which filling waits for.
	done    chan struct{}
	filling sync.WaitGroup

	// mu guards what follows. Next to nobody ever waits for it: the ids of
	// commits and those looked for come from one goroutine.
	mu sync.Mutex
	// complete is whether every id on disk is in it, and every one gathered.
	// Until then it excludes nothing.
	complete bool
	// full is whether it was given up because it had to grow over maxBytes.
	full            bool
	bytes, maxBytes int
	// generations are what was added, the last of which takes room more ids.
	generations [][]line
	room        int
	// excluded has, each in the place that its lowest bits say, hashes that were
	// looked for and not there, and that nothing was added with since: an id is
	// looked for before it is added. nil in a small filter.
	excluded []uint64
	// mark is that of the file that the filter was loaded from, if it was.
	mark ledger.Hash
}

// line is what one id has its bits in, one in each word: as much memory as the
// processor reads at once.
type line [8]uint64

const lineBytes = int(unsafe.Sizeof(line{}))

func newFilter() filter {
	return filter{seed: newSeed(), done: make(chan struct{}), maxBytes: maxFilterBytes}
}

// pattern returns the bits of a hash.
func pattern(hash uint64) (p line) {
	hash *= 0x9e3779b97f4a7c15 // so that they are not those that choose the line
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

// hash returns the hash of an id, which names its line and, mixed again, its bits.
// Ids of one hash before the seed comes in can be made; one of them makes the
// others cost a look at the store, and nothing else.
func (f *filter) hash(id string) uint64 {
	high, low := bits.Mul64(xxhash.Sum64String(id)^f.seed, 0x9e3779b97f4a7c15)
	return high ^ low
}

// excludes is whether an id is certainly not recorded.
func (f *filter) excludes(id string) bool {
	return len(f.unsure(nil, id)) == 0
}

// unsure adds the places of those ids to out that may be recorded.
func (f *filter) unsure(out []int, ids ...string) []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, id := range ids {
		if !f.complete {
			out = append(out, i)
			continue
		}
		hash := f.hash(id)
		if p := pattern(hash); f.has(hash, &p) {
			out = append(out, i)
		} else if slot := f.slot(hash); slot != nil {
			*slot = hash
		}
	}
	return out
}

// slot is where a hash is kept that is excluded, if any is.
func (f *filter) slot(hash uint64) *uint64 {
	if len(f.excluded) == 0 {
		return nil
	}
	return &f.excluded[hash&uint64(len(f.excluded)-1)] // of which there is a power of two
}

// has is whether an id with this hash may have been added.
func (f *filter) has(hash uint64, p *line) bool {
	for _, g := range f.generations {
		if place(g, hash).has(p) {
			return true
		}
	}
	return false
}

// has is whether a line has all bits of a pattern. One that does not mostly lacks
// one of the first four.
func (l *line) has(p *line) bool {
	missing := p[0]&^l[0] | p[1]&^l[1] | p[2]&^l[2] | p[3]&^l[3]
	return missing == 0 && p[4]&^l[4]|p[5]&^l[5]|p[6]&^l[6]|p[7]&^l[7] == 0
}

// add adds an id. It reports false when the filter was given up, because of
// this id or before.
func (f *filter) add(id []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash := f.hash(string(id))
	p := pattern(hash)
	return f.put(hash, &p)
}

// addNew adds an id, and returns its hash and whether it was certainly not
// recorded.
func (f *filter) addNew(id string) (hash uint64, isNew bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash = f.hash(id)
	p := pattern(hash)
	slot := f.slot(hash)
	isNew = f.complete && (slot != nil && *slot == hash || !f.has(hash, &p))
	f.put(hash, &p)
	return hash, isNew
}

func (f *filter) put(hash uint64, p *line) bool {
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
func (f *filter) grow() {
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

// finish says that all ids on disk were added, unless the filter was given up.
func (f *filter) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.complete = !f.full
}

// stop ends the filling.
func (f *filter) stop() {
	if f.done != nil {
		close(f.done)
	}
	f.filling.Wait()
}

// filterTurn is held by the one journal of the process that fills its filter:
// branches that start together have something better to do.
var filterTurn = make(chan struct{}, 1)

// fillFilter has the request ids put into the filter that are on disk. There
// may be millions, which opening must not wait for: unless the filter was saved,
// they are read beside it, while others are committed and added.
func (j *Journal) fillFilter() {
	switch {
	case j.state.order == 0:
		j.filter.finish()
	case j.loadFilter(&j.filter) == nil:
	case j.patient:
		_ = j.readRequestIDs() // what can't be read is not excluded
	default:
		j.filter.filling.Go(func() {
			select {
			case filterTurn <- struct{}{}:
				_ = j.readRequestIDs()
				<-filterTurn
			case <-j.filter.done:
			}
		})
	}
}

// readRequestIDs adds the request ids on disk to the filter.
func (j *Journal) readRequestIDs() (err error) {
	iter, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{requestTable}, UpperBound: []byte{requestTable + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		select {
		case <-j.filter.done:
			return nil
		default:
		}
		if !j.filter.add(iter.Key()[1:]) {
			return nil
		}
	}
	if err := iter.Error(); err != nil {
		return err
	}
	j.filter.finish()
	return nil
}
