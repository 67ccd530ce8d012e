package ledger

import (
	"hash/maphash"
	"iter"
	"strings"
)

// accounts are the accounts of a ledger by name. There may be millions, which
// the garbage collector looks at in every cycle: so they, their names and their
// parts are in few large pieces of memory, and the table has a pointer for each
// of them and nothing else.
type accounts struct {
	seed maphash.Seed
	// slots are an open table (Knuth, TAOCP 6.4, algorithm L): an account is in
	// the first free slot from the one that its hash names. Invariant: at most
	// three in four are taken, and their number is a power of two.
	slots []*account
	n     int
	// pieces hold the accounts in the order in which they were opened, each
	// piece full but for the last.
	pieces [][]account
	names  strings.Builder
	parts  parts
}

// Sizes of pieces: a ledger of few accounts is to be small.
const (
	firstPiece = 4
	lastPiece  = 1024
	nameBytes  = 16 // for each account of a piece
)

// find returns the account of a name, or nil.
func (t *accounts) find(name string) *account {
	if t.n == 0 {
		return nil
	}
	return *t.slot(name)
}

// slot returns the slot that has the account, or where it would be.
func (t *accounts) slot(name string) **account {
	mask := uint64(len(t.slots) - 1)
	for i := maphash.String(t.seed, name); ; i++ {
		if a := t.slots[i&mask]; a == nil || a.name == name {
			return &t.slots[i&mask]
		}
	}
}

// open returns the account of a name, and whether it is new.
func (t *accounts) open(name string) (a *account, isNew bool) {
	if 4*t.n >= 3*len(t.slots) {
		t.index(max(8, 2*len(t.slots)))
	}
	slot := t.slot(name)
	if *slot != nil {
		return *slot, false
	}
	*slot = t.add(name)
	t.n++
	return *slot, true
}

// add makes an account, with its name in memory of its own: the name it was
// given may be a part of something larger.
func (t *accounts) add(name string) *account {
	k := len(t.pieces) - 1
	switch {
	case k < 0:
		t.pieces, k = append(t.pieces, make([]account, 0, firstPiece)), 0
	case len(t.pieces[k]) == cap(t.pieces[k]):
		t.pieces, k = append(t.pieces, make([]account, 0, min(2*cap(t.pieces[k]), lastPiece))), k+1
	}
	if t.names.Cap()-t.names.Len() < len(name) {
		t.names = strings.Builder{} // the names are still in the memory of the last one
		t.names.Grow(max(len(name), nameBytes*cap(t.pieces[k])))
	}
	from := t.names.Len()
	t.names.WriteString(name)
	t.pieces[k] = append(t.pieces[k], account{name: t.names.String()[from:]})
	return &t.pieces[k][len(t.pieces[k])-1]
}

// index makes the table anew, with so many slots.
func (t *accounts) index(slots int) {
	if t.slots == nil {
		t.seed = maphash.MakeSeed()
	}
	t.slots = make([]*account, slots)
	mask := uint64(slots - 1)
	for a := range t.all() {
		i := maphash.String(t.seed, a.name)
		for t.slots[i&mask] != nil {
			i++
		}
		t.slots[i&mask] = a
	}
}

// remove takes an account away that was opened in error. That happens once for
// a journal, and may take long.
func (t *accounts) remove(name string) {
	a := t.find(name)
	t.parts.free(a.shares)
	*a = account{}
	t.n--
	t.index(len(t.slots))
}

// all visits the accounts, in the order in which they were opened.
func (t *accounts) all() iter.Seq[*account] {
	return func(yield func(*account) bool) {
		for _, piece := range t.pieces {
			for i := range piece {
				if a := &piece[i]; a.name != "" && !yield(a) {
					return
				}
			}
		}
	}
}

// parts is memory for the shares of accounts.
type parts struct {
	piece []share
	// size is that of the piece.
	size int
	// freed are those that accounts have outgrown, by how many shares they are.
	freed [][][]share
}

// take returns room for exactly n shares.
func (p *parts) take(n int) []share {
	if n < len(p.freed) {
		if free := p.freed[n]; len(free) > 0 {
			p.freed[n] = free[:len(free)-1]
			return free[len(free)-1][:0]
		}
	}
	if n > len(p.piece) {
		p.size = max(min(max(firstPiece, 2*p.size), lastPiece), n)
		p.piece = make([]share, p.size)
	}
	s := p.piece[:0:n]
	p.piece = p.piece[n:]
	return s
}

// free takes room back.
func (p *parts) free(s []share) {
	n := cap(s)
	if n == 0 {
		return
	}
	for len(p.freed) <= n {
		p.freed = append(p.freed, nil)
	}
	p.freed[n] = append(p.freed[n], s)
}
