package ledger

import "slices"

// firstNames are the names of accounts that come first, ascending. They are
// kept from when they are first asked for: to sort the names of a million
// accounts takes longer than a second.
type firstNames struct {
	// most is how many there are to be; 0 while nobody has asked.
	most  int
	names []string
}

// add adds the name of an account that was opened, if it is among the first.
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

// FirstAccounts returns the names of the accounts that come first, ascending,
// n of them at most. Asked for the same number again, or a smaller one, it does
// not look at all accounts. The caller must not change what it returns, which
// lasts until the next entry is posted.
func (l *Ledger) FirstAccounts(n int) []string {
	if n > l.first.most {
		l.first = firstNames{most: n}
		for a := range l.accounts.all() {
			l.first.add(a.name)
		}
	}
	return l.first.names[:min(n, len(l.first.names))]
}
