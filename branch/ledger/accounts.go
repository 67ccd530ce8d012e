package ledger

import (
	"iter"
	"strings"
)

// accounts are the accounts of a ledger by name. There may be millions, which
// the garbage collector looks at in every cycle: so they, their names and their
// parts are in few large pieces of memory.
type accounts struct {
	byName map[string]*account
	// found is the account that was looked for last: a batch mostly goes on with
	// the same.
	found *account
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

// remove takes an account away that was opened in error. Its place stays empty.
func (t *accounts) remove(name string) {
	a := t.byName[name]
	t.found = nil
	delete(t.byName, name)
	t.parts.free(a.shares)
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
