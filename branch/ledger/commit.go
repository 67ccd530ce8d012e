package ledger

// Commit is one atomic write to a branch's disk.
type Commit struct {
	// Batches are the batches applied since the last commit, in that order.
	Batches []StoredBatch
	// Accounts are the accounts that the batches changed, as they are now. They come
	// from [Ledger.TakeTouched], so they last only until the ledger's next call of it.
	Accounts []AccountState
	// Heads are the heads of the journals that the batches extended, as they are now.
	Heads []BranchHead
	// Doubles are the request ids that were found to have several entries, or were
	// resolved, since the last commit: each as it is now.
	Doubles []Double
	// Forks are the forks of journals that were found, or decided on, since the last
	// commit: each as it is now.
	Forks []Fork
	// Certificates are those that batches name, as far as the disk may not have them.
	Certificates []Certificate
	// Clock is the ledger's Lamport time.
	Clock uint64
	// Bank, unless nil, is the bank to which the branch belongs from now on. Once
	// it is founded, the first batch of every journal follows its genesis.
	Bank *Bank
	// Settled says that the branch has found out how much of its journal its peers
	// have. From now on its disk does not count as empty.
	Settled bool
	// Unsettled takes that back: the branch has to ask its peers again when it next starts.
	Unsettled bool
	// Sync says that the commit, and all before it, must be synced.
	Sync bool
}

// StoredBatch is a batch with the results of posting its entries.
type StoredBatch struct {
	*Sealed
	Posted []Posted // one for each entry, in their order
	// Made says that this branch has just made the batch, and that nobody has seen it: it
	// is to be signed where branches sign.
	Made bool
}

// BranchHead is how far a branch's journal is applied.
type BranchHead struct {
	Branch BranchID // the journal's writer
	Head
}

// Recorded is an entry found by its request id.
type Recorded struct {
	// At is where the entry is.
	At Position
	// Entry is the entry.
	Entry Entry
	// Balance is the account's balance right after it, as this branch saw it.
	Balance Amount
}
