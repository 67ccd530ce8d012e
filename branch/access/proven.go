package access

import (
	"sync"

	"passbook.example/passbook/branch/code"
)

// Proven are the branches that are known to have certificates. While a bank moves to them,
// callers are let in who prove nothing, and among them the branches that have none yet. A
// branch that has one never calls like that, so whoever does it in its name lies. The zero
// value is ready.
//
// Nothing is forgotten while the branch runs: a bank that gives its certificates up takes them
// from all its branches.
type Proven struct {
	mu  sync.Mutex
	ids map[uint32]bool
}

// Note notes that a branch has proven who it is. It is 0 for nobody.
func (p *Proven) Note(branch uint32) {
	if branch == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[uint32]bool{}
	}
	p.ids[branch] = true
}

// Check returns an error if a caller who has proven nothing can't be a branch.
func (p *Proven) Check(branch uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids[branch] {
		return code.Errorf(code.Unauthenticated, "branch %d has a certificate, and proves by it who it is; to give certificates up, take them from all branches of the bank", branch)
	}
	return nil
}
