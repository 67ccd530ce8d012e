package branch_test

import (
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/service"
	"passbook.example/passbook/branch/session"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// hostile makes up messages that are well formed, with values at which something
// may break. One seed decides all of them.
type hostile struct {
	*rand.Rand
	branches int
	// tokens are sessions and page tokens that a branch would take apart.
	tokens []string
}

func newHostile(seed uint64, branches int) *hostile {
	h := &hostile{Rand: rand.New(rand.NewPCG(seed, 0x6c696172)), branches: branches}
	for _, sequence := range []uint64{1, 1 << 40, 1<<62 - 1, 1 << 62, 1<<64 - 1} {
		h.tokens = append(h.tokens, session.Encode([]ledger.Position{{Branch: 1, Sequence: sequence}, {Branch: 3, Sequence: 1}}),
			service.ListingOf(&bankv1.ListEntriesRequest{Branch: 1}).Token(sequence),
			service.ListingOf(&bankv1.ListEntriesRequest{Branch: 1, Order: bankv1.Order_ORDER_NEWEST_FIRST}).Token(sequence),
			service.ListingOf(&bankv1.ListEntriesRequest{Account: "shared"}).Token(sequence),
			service.ListingOf(&bankv1.ListEntriesRequest{Account: "shared", Order: bankv1.Order_ORDER_NEWEST_FIRST}).Token(sequence))
	}
	return h
}

func (h *hostile) chance(p float64) bool { return h.Float64() < p }

// extreme returns a number at which something may break.
func (h *hostile) extreme() uint64 {
	n := []uint64{0, 1, 2, 5, 1 << 15, 1 << 31, 1 << 32, 1 << 33, 1 << 40, 1 << 53, 1 << 61, 1 << 62, 1 << 63, 0}[h.IntN(14)]
	return n + uint64(h.IntN(3)) - 1
}

// id returns a number that is mostly the id of a branch.
func (h *hostile) id() uint32 {
	if h.chance(0.9) {
		return uint32(1 + h.IntN(h.branches))
	}
	return uint32(h.extreme())
}

func (h *hostile) text() string {
	pool := []string{"", "shared", "a", "b", strings.Repeat("n", 128), strings.Repeat("n", 129), strings.Repeat("é", 64), "r-1", "r-2", " x", "\u202e", "%!", strings.Repeat("z", 3000)}
	if h.chance(0.3) {
		return h.tokens[h.IntN(len(h.tokens))]
	}
	return pool[h.IntN(len(pool))]
}

func (h *hostile) bytes() []byte {
	out := make([]byte, []int{0, 1, 31, 32, 32, 32, 33, 500}[h.IntN(8)])
	for i := range out {
		out[i] = byte(h.Uint32())
	}
	return out
}

// hash returns a hash that no batch has.
func (h *hostile) hash() (out ledger.Hash) {
	for i := range out {
		out[i] = byte(h.Uint32())
	}
	return out
}

// spoil changes some of a message's fields, here and below.
func (h *hostile) spoil(m proto.Message) {
	r := m.ProtoReflect()
	for range 1 + h.IntN(3) {
		if fields := r.Descriptor().Fields(); fields.Len() > 0 {
			h.spoilField(r, fields.Get(h.IntN(fields.Len())), 0)
		}
	}
}

// fill sets about half of a message's fields.
func (h *hostile) fill(r protoreflect.Message, depth int) {
	fields := r.Descriptor().Fields()
	for i := range fields.Len() {
		if h.chance(0.5) {
			h.spoilField(r, fields.Get(i), depth)
		}
	}
}

func (h *hostile) spoilField(r protoreflect.Message, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsMap() || depth > 4:
	case f.IsList():
		list := r.Mutable(f).List()
		n := []int{0, 1, 2, 3, 5, 70, 2000}[min(h.IntN(7), 6-depth)]
		for range n {
			if f.Message() != nil {
				e := list.NewElement()
				h.fill(e.Message(), depth+1)
				list.Append(e)
			} else {
				list.Append(h.value(f))
			}
		}
	case f.Message() != nil:
		h.fill(r.Mutable(f).Message(), depth+1)
	default:
		r.Set(f, h.value(f))
	}
}

func (h *hostile) value(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(h.chance(0.5))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(h.extreme())))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(h.id())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(h.extreme()))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(h.extreme()))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(h.extreme())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(h.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(h.bytes())
	}
	return f.Default() // of a kind that the API does not have
}
