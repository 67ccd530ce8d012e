package journal

import (
	"cmp"
	"slices"
	"strings"

	"passbook.example/passbook/branch/ledger"
)

// touch is an account whose balance an entry of a batch changed.
type touch struct {
	account string // its name
	index   int    // of the entry in the batch
}

// appendTouches lists what a batch changed, by account and then by entry.
func appendTouches(out []touch, b *ledger.Batch) []touch {
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Kind == ledger.Bulk {
			for k, touched := range e.Operations.Touched() {
				if touched {
					out = append(out, touch{e.Operations.Accounts[k], i})
				}
			}
			continue
		}
		if e.ChangesBalance() {
			out = append(out, touch{e.Account, i})
		}
		if e.Kind == ledger.Transfer {
			out = append(out, touch{e.ToAccount, i})
		}
	}
	slices.SortFunc(out, func(a, b touch) int {
		return cmp.Or(strings.Compare(a.account, b.account), cmp.Compare(a.index, b.index))
	})
	return out
}

// eachMention visits the mention of every account in touches, which are those
// of b. A mention lasts until visit returns; indexes is memory to use again.
func eachMention(touches []touch, b *ledger.Batch, indexes *[]int, visit func(account string, m mention)) {
	m := mention{branch: b.Branch, last: b.LastSequence(), indexes: (*indexes)[:0]}
	for i, t := range touches {
		m.indexes = append(m.indexes, t.index)
		if i+1 == len(touches) || touches[i+1].account != t.account {
			visit(t.account, m)
			m.indexes = m.indexes[:0]
		}
	}
	*indexes = m.indexes
}
