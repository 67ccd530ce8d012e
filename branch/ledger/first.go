package ledger

import "slices"

// firstNames are the names of the first accounts, ascending. They are kept once
// somebody has asked for them, because it takes longer than a second to sort the
// names of a million accounts.
type firstNames struct {
	// most is how many names to keep; 0 while nobody has asked.
	most  int
	names []string
}

// add adds the name of a new account, if it is among the first.
func (f *firstNames) add(name string) {
	full := len(f.names) == f.most
	if full && (f.most == 0 || name > f.names[f.most-1]) {
		return
	}
	if full {
		f.names = f.names[:f.most-1]
	}
	at, _ := slices.BinarySearch(f.names, name)
	f.names = slices.Insert(f.names, at, name)
}

// FirstAccounts returns the names of the first n accounts, ascending. It does not
// look at all accounts when it is asked for the same number again, or for a smaller
// one. The caller must not change the result, which lasts until the next entry is
// posted.
func (l *Ledger) FirstAccounts(n int) []string {
	if n > l.first.most {
		l.first = firstNames{most: n}
		for a := range l.accounts.all() {
			l.first.add(a.name)
		}
	}
	return l.first.names[:min(n, len(l.first.names))]
}
