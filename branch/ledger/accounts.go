package ledger

import (
	"iter"
	"strings"
)

// accounts are the accounts of a ledger by name. There may be millions, and the
// garbage collector looks at them in every cycle. So they, their names and their
// shares are in few large pieces of memory.
type accounts struct {
	byName map[string]*account // points into pieces
	// found is the account that was found last: a batch often asks for the same one
	// again.
	found *account
	// pieces have the accounts in the order in which they were opened. All pieces
	// but the last are full.
	pieces [][]account
	names  strings.Builder // memory that the names of the latest accounts are parts of
	parts  parts           // memory for the shares of all accounts
}

// Sizes of pieces. They grow, so that a ledger of few accounts is small.
const (
	firstPiece = 4
	lastPiece  = 1024
	nameBytes  = 16 // for each account of a piece
)

func newAccounts() *accounts { return &accounts{byName: map[string]*account{}} }

// find returns the account of a name, or nil.
func (t *accounts) find(name string) *account {
	if t.found != nil && t.found.name == name {
		return t.found
	}
	a := t.byName[name]
	if a != nil {
		t.found = a
	}
	return a
}

// open returns the account of a name, and whether it is new.
func (t *accounts) open(name string) (a *account, isNew bool) {
	if a := t.find(name); a != nil {
		return a, false
	}
	a = t.add(name)
	t.byName[a.name] = a
	return a, true
}

// add makes an account and copies its name, which may be a part of something
// larger.
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

// remove removes an account that was opened in error. Its place stays empty.
func (t *accounts) remove(name string) {
	a := t.byName[name]
	t.found = nil
	delete(t.byName, name)
	t.parts.free(a)
	*a = account{}
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

// parts is memory for the shares of accounts, in pieces.
type parts struct {
	pieces [][]share // account.at says which piece, and the place in it
	// used is how much of the last piece is used.
	used int
	// freed are the places that accounts have outgrown, by their number of shares.
	freed [][]uint32
}

// pieceBits is how many bits of account.at are the place within a piece. Only a piece that one
// account has for itself is longer.
const pieceBits = 10

// of returns the shares of an account.
func (p *parts) of(a *account) []share {
	if a.count == 0 {
		return nil
	}
	from := int(a.at & (1<<pieceBits - 1))
	to := from + int(a.count)
	return p.pieces[a.at>>pieceBits][from:to:to]
}

// take gives an account room for exactly n shares, which the caller has to fill.
// The shares that it had stay as they are until they are freed.
func (p *parts) take(a *account, n int) []share {
	a.count = uint16(n)
	if n == 0 {
		return nil
	}
	if n < len(p.freed) {
		if free := p.freed[n]; len(free) > 0 {
			p.freed[n] = free[:len(free)-1]
			a.at = free[len(free)-1]
			return p.of(a)
		}
	}
	last := len(p.pieces) - 1
	if last < 0 || p.used+n > len(p.pieces[last]) {
		size := firstPiece
		if last >= 0 {
			size = min(2*len(p.pieces[last]), lastPiece)
		}
		p.pieces, p.used = append(p.pieces, make([]share, max(size, n))), 0
		last++
	}
	a.at = uint32(last)<<pieceBits | uint32(p.used)
	p.used += n
	return p.of(a)
}

// free takes the room of an account back.
func (p *parts) free(a *account) {
	n := int(a.count)
	if n == 0 {
		return
	}
	for len(p.freed) <= n {
		p.freed = append(p.freed, nil)
	}
	p.freed[n] = append(p.freed[n], a.at)
}
