package history

// BranchIDs are the branches of the bank.
var BranchIDs = []uint32{1, 2, 3, 4, 5}

// Accounts are those the customers use; the empty name is the bank's shared
// account, the only one that opens with money.
var Accounts = []string{"", "rent", "savings", "till"}

// ProbeAccount is only used to find out whether a branch works.
const ProbeAccount = "probe"

// Opening is the opening balance of the shared account.
const Opening = 1000
