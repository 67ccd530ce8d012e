package journal

import (
	"encoding/binary"
	"fmt"

	"passbook.example/passbook/branch/ledger"
)

// valueVersion begins every value.
const valueVersion = 1

// state is what a commit changes besides batches, heads and accounts.
type state struct {
	clock   uint64 // the largest Lamport time of any entry
	settled bool   // as in a commit: the directory does not count as empty
	// order counts the batches applied.
	order uint64
}

func (s state) append(out []byte) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), s.clock)
	out = binary.AppendUvarint(out, boolToUint(s.settled))
	return binary.AppendUvarint(out, s.order)
}

func decodeState(key, value []byte) (state, error) {
	d := newDecoder(value)
	s := state{clock: d.uint(), settled: d.uint() != 0, order: d.uint()}
	return s, d.end(key)
}

func boolToUint(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func appendEpoch(out []byte, epoch uint64) []byte {
	return binary.AppendUvarint(append(out, valueVersion), epoch)
}

func decodeEpoch(key, value []byte) (uint64, error) {
	d := newDecoder(value)
	epoch := d.uint()
	return epoch, d.end(key)
}

func appendHead(out []byte, h ledger.Head) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), h.Sequence)
	out = append(out, h.Hash[:]...)
	return binary.AppendUvarint(out, h.Epoch)
}

func decodeHead(key, value []byte) (ledger.Head, error) {
	d := newDecoder(value)
	h := ledger.Head{Sequence: d.uint(), Hash: d.hash(), Epoch: d.uint()}
	return h, d.end(key)
}

// appendAccount writes three numbers for every branch, in the bank's order.
func appendAccount(out []byte, a *ledger.AccountState) []byte {
	out = append(out, valueVersion)
	for i := range a.Escrow {
		out = binary.AppendUvarint(out, uint64(a.Escrow[i]))
		out = binary.AppendVarint(out, int64(a.Paid[i]))
		out = binary.AppendUvarint(out, a.Last[i])
	}
	return out
}

// newAccountState returns room for the state of an account.
func newAccountState(branches int) ledger.AccountState {
	return ledger.AccountState{Escrow: make([]ledger.Amount, branches), Paid: make([]ledger.Amount, branches), Last: make([]uint64, branches)}
}

// decodeAccount decodes an account into a, which has room for the bank's
// branches.
func decodeAccount(key, value []byte, a *ledger.AccountState) error {
	a.Name = string(key[1:])
	d := newDecoder(value)
	for i := range a.Escrow {
		a.Escrow[i] = ledger.Amount(d.uint())
		a.Paid[i] = ledger.Amount(d.int())
		a.Last[i] = d.uint()
	}
	return d.end(key)
}

// appendRequest writes where the entry is and the balance right after it.
func appendRequest(out []byte, at ledger.Position, balance ledger.Amount) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), uint64(at.Branch))
	out = binary.AppendUvarint(out, at.Sequence)
	return binary.AppendUvarint(out, uint64(balance))
}

func decodeRequest(key, value []byte) (at ledger.Position, balance ledger.Amount, err error) {
	d := newDecoder(value)
	at = ledger.Position{Branch: d.branch(), Sequence: d.uint()}
	balance = ledger.Amount(d.uint())
	return at, balance, d.end(key)
}

// mention is where a statement finds its entries: their indexes in a batch.
type mention struct {
	branch ledger.BranchID // the batch's writer
	// last is the sequence of the batch's last entry.
	last    uint64
	indexes []int // ascending
}

// appendMention writes a mention, each index as the distance from the one
// before.
func appendMention(out []byte, m mention) []byte {
	out = binary.AppendUvarint(append(out, valueVersion), uint64(m.branch))
	out = binary.AppendUvarint(out, m.last)
	out = binary.AppendUvarint(out, uint64(len(m.indexes)))
	before := 0
	for _, i := range m.indexes {
		out = binary.AppendUvarint(out, uint64(i-before))
		before = i
	}
	return out
}

func decodeMention(key, value []byte) (mention, error) {
	d := newDecoder(value)
	m := mention{branch: d.branch(), last: d.uint()}
	m.indexes = make([]int, d.count())
	before := uint64(0)
	for i := range m.indexes {
		before += min(d.uint(), ledger.MaxBatchEntries)
		m.indexes[i] = int(before)
	}
	return m, d.end(key)
}

// decoder reads a value. After the first malformed field it reads zeros; end
// reports it.
type decoder struct {
	in  []byte // what is left to read
	bad bool   // a field was malformed, or missing
}

func newDecoder(value []byte) *decoder {
	if len(value) == 0 || value[0] != valueVersion {
		return &decoder{bad: true}
	}
	return &decoder{in: value[1:]}
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.in)
	return took(d, v, n)
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.in)
	return took(d, v, n)
}

func took[T int64 | uint64](d *decoder, v T, n int) T {
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) branch() ledger.BranchID {
	v := d.uint()
	if v > 1<<32-1 {
		d.bad = true
	}
	return ledger.BranchID(v)
}

// bytes returns the next n bytes, in the memory of the value.
func (d *decoder) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.in)) {
		d.bad = true
		return nil
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b
}

func (d *decoder) hash() (h ledger.Hash) {
	copy(h[:], d.bytes(uint64(len(h))))
	return h
}

// count returns the length of a list, whose items have at least a byte each.
func (d *decoder) count() uint64 {
	n := d.uint()
	if n > uint64(len(d.in)) {
		d.bad = true
		return 0
	}
	return n
}

// end returns an error unless the value had every field and nothing else.
func (d *decoder) end(key []byte) error {
	if d.bad || len(d.in) > 0 {
		return fmt.Errorf("%s: the stored value is malformed", keyName(key))
	}
	return nil
}
