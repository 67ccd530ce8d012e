package customer

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"passbook.example/passbook/customer/internal/jsonfile"
)

// MaxInputBytes is the size of the largest input that is read: 256 MiB, which a
// million events take when they are indented as the course's are.
const MaxInputBytes = 256 << 20

// maxInputEvents is how many events a file may have at most. The shortest have 22
// bytes, and each takes 88 in memory, and as much again when it is executed.
const maxInputEvents = 4 << 20

// InputError is one problem of an input file, with its place.
type InputError = jsonfile.Error

// Input is a whole input.json.
type Input struct {
	// Name is the file's name as the caller gave it, for messages.
	Name string
	// Branches is in file order. Invariant: at least one; every id is greater
	// than 0 and none occurs twice; all balances are equal and not negative.
	Branches []Branch
	// Customers has one value for each customer element, in file order: a
	// customer id that occurs in two elements is two values.
	Customers []Element
	// Form is the form of output.json that belongs to this dialect.
	Form OutputForm
	// Ignored names, with their places, the first few keys that mean nothing
	// here: most often a misspelt one.
	Ignored []string
}

// Branch is one branch element.
type Branch struct {
	// ID is greater than 0.
	ID uint32
	// Balance is the opening balance of the shared account, in the smallest
	// unit of its currency. Every branch is a replica, so all say the same.
	Balance int64
}

// Element is one customer element.
type Element struct {
	// ID is also the id of the customer's home branch.
	ID int64
	// Events is in file order, which is the order they are executed in.
	Events []Event
}

// Interface is what an event asks for.
type Interface string

// The interfaces. Transfer is this project's own; the others are the course's.
const (
	Deposit  Interface = "deposit"
	Withdraw Interface = "withdraw"
	Transfer Interface = "transfer"
	Query    Interface = "query"
)

// Event is one event of a customer.
type Event struct {
	// Interface is one of the constants above.
	Interface Interface
	// Amount is greater than 0, in the smallest unit of the account's currency;
	// 0 on a query.
	Amount int64
	// Branch is the id of the branch the event goes to: the one it names, or
	// the customer's home. There may be no such branch.
	Branch int64
	// Account is the account, or the one that pays in a transfer; empty for the
	// bank's shared account.
	Account string
	// To is the account that a transfer pays; empty for the shared account.
	To string
	// Strong asks a query for the balance over all branches at one moment.
	Strong bool
	// HasID says that the event has an id, which ID is. It is a label: ids may be
	// missing, and may repeat. In the dialect with logical clocks it is the
	// customer-request-id.
	HasID bool
	ID    int64
	// Line is the event's line in the file, from 1.
	Line int
}

// Opening returns the opening balance of the shared account, which every
// branch element states.
func (in *Input) Opening() int64 {
	return in.Branches[0].Balance
}

// BranchIDs returns the ids of the branches in file order.
func (in *Input) BranchIDs() []uint32 {
	ids := make([]uint32, len(in.Branches))
	for i, b := range in.Branches {
		ids[i] = b.ID
	}
	return ids
}

// Events returns how many events there are in all.
func (in *Input) Events() int {
	n := 0
	for _, c := range in.Customers {
		n += len(c.Events)
	}
	return n
}

// ReadInput reads an input.json from r; name is its name in messages. An input
// that can't be replayed gives an error of one line for each of its first few
// problems; each is an [*InputError], with its place in the file. A customer
// or an event whose branch does not exist is no error here: that event fails
// when it is executed.
func ReadInput(name string, r io.Reader) (*Input, error) {
	data, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > MaxInputBytes {
		return nil, fmt.Errorf("read %s: larger than %d MiB", name, MaxInputBytes>>20)
	}
	data = jsonfile.WithoutMark(data)

	in := newInputReader(name, data)
	in.file(data)
	if err := in.problems.Err(); err != nil {
		return nil, err
	}
	return in.input, nil
}

// readAll reads a file up to one byte more than it may have. Where its size is
// known, nothing is copied.
func readAll(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			b.Grow(int(min(info.Size(), MaxInputBytes)) + bytes.MinRead)
		}
	}
	_, err := b.ReadFrom(io.LimitReader(r, MaxInputBytes+1))
	return b.Bytes(), err
}

// inputReader gathers an Input and its problems.
type inputReader struct {
	problems *jsonfile.Problems
	lines    lines
	input    *Input
	branches map[uint32]bool // the ids so far
	balances []branchBalance // one for each branch element with a valid balance
	ignored  map[string]bool // the keys so far that mean nothing here
	elements elementCount
	// events counts those in all elements so far, valid or not.
	events, maxEvents int
	// elementRoom and eventRoom are used again for each of them.
	elementRoom, eventRoom room
	// names are the names of accounts so far. Equal names share one text.
	names map[string]string
}

func newInputReader(name string, data []byte) *inputReader {
	return &inputReader{
		problems: &jsonfile.Problems{Name: name, Data: data},
		lines:    lines{data: data},
		input:    &Input{Name: name, Form: Basic},
		branches: make(map[uint32]bool),
		ignored:  make(map[string]bool),
		names:    make(map[string]string),

		maxEvents: maxInputEvents,
	}
}

// shared returns the same text each time that it is given an equal one.
func (r *inputReader) shared(text string) string {
	if known, ok := r.names[text]; ok {
		return known
	}
	r.names[text] = text
	return text
}

// elementCount counts the elements that were seen, valid or not.
type elementCount struct{ total, branches int }

// branchBalance is a branch's opening balance and the balance's place.
type branchBalance struct {
	id      int64
	balance int64
	offset  int
}

// file reads the whole file.
func (r *inputReader) file(data []byte) {
	if len(bytes.TrimSpace(data)) == 0 {
		r.problems.Add(0, "", "the file is empty; expected a JSON array of customers and branches")
		return
	}
	top, ok := r.problems.Parse()
	if !ok {
		return
	}
	if top.Kind() != '[' {
		r.problems.Add(top.Offset, "", "must be an array of customers and branches, got %s", top)
		return
	}
	for element := range top.Items() {
		r.elements.total++
		if isOutput := r.element(element); isOutput {
			return
		}
	}
	r.checkBranches(top)
}

// checkBranches checks what can be checked only once all branches are known.
func (r *inputReader) checkBranches(top jsonfile.Value) {
	if r.elements.branches == 0 {
		r.problems.Add(top.Offset, "", `no branches: the array needs at least one element like {"id": 1, "type": "branch", "balance": 400}`)
	}
	for _, b := range r.balances {
		if b.balance != r.balances[0].balance {
			r.problems.Add(b.offset, "", "opening balances differ: %s; every branch holds a replica of the same account", describeBalances(r.balances))
			return
		}
	}
}

// describeBalances names the branches and their balances, a balance at a time:
// "400 at branch 1, 3; 500 at branch 2".
func describeBalances(balances []branchBalance) string {
	const most = 8 // of the balances, and of the branches of each
	var order []int64
	ids := make(map[int64][]string)
	for _, b := range balances {
		if !slices.Contains(order, b.balance) {
			if len(order) == most {
				continue
			}
			order = append(order, b.balance)
		}
		ids[b.balance] = append(ids[b.balance], fmt.Sprint(b.id))
	}
	var parts []string
	for _, balance := range order {
		at := ids[balance]
		more := ""
		if len(at) > most {
			more = fmt.Sprintf(" and %d more", len(at)-most)
			at = at[:most]
		}
		parts = append(parts, fmt.Sprintf("%d at branch %s%s", balance, strings.Join(at, ", "), more))
	}
	return strings.Join(parts, "; ")
}

// maxBranchID is the largest branch id: the API's ids have 32 bits.
const maxBranchID = math.MaxUint32

// WritesElsewhere reports whether a customer writes at several branches, as those of
// the project on monotonic writes do.
func (in *Input) WritesElsewhere() bool {
	at := make(map[int64]int64) // where each customer wrote first
	for _, c := range in.Customers {
		for _, e := range c.Events {
			if e.Interface == Query {
				continue
			}
			if branch, ok := at[c.ID]; ok && branch != e.Branch {
				return true
			}
			at[c.ID] = e.Branch
		}
	}
	return false
}
