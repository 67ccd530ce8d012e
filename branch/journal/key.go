package journal

import (
	"encoding/binary"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// The tables, each the first byte of its keys.
const (
	metaTable      = 'm'
	headTable      = 'h'
	accountTable   = 'a'
	batchTable     = 'b'
	requestTable   = 'r'
	statementTable = 's'
	doubleTable    = 'd'
	// certificateTable has certificates by their fingerprints.
	certificateTable = 'c'
	// forkTable has the forks of journals, pendingTable own batches that can't be posted
	// yet.
	forkTable    = 'f'
	pendingTable = 'p'
	// droppedTable has the batches that were left out because they don't count.
	droppedTable = 'o'
)

var (
	identityKey = []byte("midentity")
	epochKey    = []byte("mepoch")
	stateKey    = []byte("mstate")
	homeKey     = []byte("mhome")
)

func appendHeadKey(out []byte, b ledger.BranchID) []byte {
	return binary.BigEndian.AppendUint32(append(out, headTable), uint32(b))
}

func appendAccountKey(out []byte, account string) []byte {
	return append(append(out, accountTable), account...)
}

const batchKeyBytes = 1 + 4 + 8

// appendBatchKey names the batch of a journal that ends at last.
func appendBatchKey(out []byte, b ledger.BranchID, last uint64) []byte {
	return binary.BigEndian.AppendUint64(appendBatchPrefix(out, b), last)
}

// appendBatchPrefix begins the keys of a journal's batches.
func appendBatchPrefix(out []byte, b ledger.BranchID) []byte {
	return binary.BigEndian.AppendUint32(append(out, batchTable), uint32(b))
}

func appendRequestKey(out []byte, key ledger.RequestKey) []byte {
	return append(append(out, requestTable), key...)
}

func appendCertificateKey(out []byte, f ledger.Fingerprint) []byte {
	return append(append(out, certificateTable), f[:]...)
}

func appendDoubleKey(out []byte, key ledger.RequestKey) []byte {
	return append(append(out, doubleTable), key...)
}

// appendStatementKey names the changes of the order-th batch in an account, whose
// name must have at most ledger.MaxNameBytes.
func appendStatementKey(out []byte, account string, order uint64) []byte {
	out = append(append(out, statementTable, byte(len(account))), account...)
	return binary.BigEndian.AppendUint64(out, order)
}

// statementOrder returns the order in a statement key.
func statementOrder(key []byte) uint64 {
	return binary.BigEndian.Uint64(key[len(key)-8:])
}

// batchEnd returns the last sequence in a batch key.
func batchEnd(key []byte) uint64 {
	return binary.BigEndian.Uint64(key[len(key)-8:])
}

// keyName names a key in words, for errors.
func keyName(key []byte) string {
	if len(key) == 0 {
		return "empty key"
	}
	rest := key[1:]
	switch {
	case key[0] == metaTable:
		return fmt.Sprintf("meta %q", rest)
	case key[0] == headTable && len(rest) == 4:
		return fmt.Sprintf("head of branch %d", binary.BigEndian.Uint32(rest))
	case key[0] == accountTable:
		return fmt.Sprintf("account %q", rest)
	case key[0] == batchTable && len(rest) == 12:
		return batchName(ledger.BranchID(binary.BigEndian.Uint32(rest)), batchEnd(key))
	case key[0] == requestTable:
		return ledger.RequestKey(rest).String()
	case key[0] == certificateTable:
		return fmt.Sprintf("certificate %x", rest)
	case key[0] == doubleTable:
		return fmt.Sprintf("alarm about %s", ledger.RequestKey(rest))
	case key[0] == forkTable && len(rest) == 76:
		return fmt.Sprintf("fork of branch %d at entry %d", binary.BigEndian.Uint32(rest), binary.BigEndian.Uint64(rest[4:]))
	case key[0] == pendingTable && len(rest) == 8:
		return fmt.Sprintf("pending batch that ends at sequence %d", batchEnd(key))
	case key[0] == droppedTable && len(rest) == 44:
		return fmt.Sprintf("dropped %s", batchName(ledger.BranchID(binary.BigEndian.Uint32(rest)), binary.BigEndian.Uint64(rest[4:])))
	case key[0] == statementTable && len(rest) >= 9:
		return fmt.Sprintf("statement of account %q at order %d", rest[1:len(rest)-8], statementOrder(key))
	}
	return fmt.Sprintf("key %q", key)
}

func batchName(b ledger.BranchID, last uint64) string {
	return fmt.Sprintf("batch of branch %d that ends at sequence %d", b, last)
}
