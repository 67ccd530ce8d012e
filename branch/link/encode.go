package link

import (
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// encoded is a frame in protobuf, where a PropagateRequest and a PropagateResponse are
// the same bytes. The first peer that it is sent to makes it.
type encoded struct {
	once sync.Once
	// bytes is nil until once has run.
	bytes []byte
}

// of returns the frame encoded, for the first time or again.
func (e *encoded) of(f *protocol.Frame) []byte {
	e.once.Do(func() { e.bytes = encode(nil, f) })
	return e.bytes
}

// encode appends a frame's message. What most frames have is encoded by hand, as
// decodeUsual decodes it.
func encode(out []byte, f *protocol.Frame) []byte {
	if f.Hello == nil && f.Contest == nil && len(f.Wants) == 0 && len(f.Certificates) == 0 && f.Ping == 0 && f.Pong == 0 {
		return encodeUsual(out, f)
	}
	m := &bankv1.PropagateRequest{Frame: api.FrameToProto(f)}
	out = slices.Grow(out, proto.Size(m))
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, m)
	if err != nil {
		panic("a frame can't be encoded: " + err.Error()) // only its text could be wrong: names of accounts, which are checked
	}
	return out
}

// encodeUsual appends the message of a frame that has batches, an ack and a wish for a
// sync, and nothing else.
func encodeUsual(out []byte, f *protocol.Frame) []byte {
	size := 0
	for _, s := range f.Outlines {
		size += sizeOfBytes(frameBatches, sizeOfSealed(s))
	}
	if f.Ack != nil {
		size += sizeOfBytes(frameAck, sizeOfAck(f.Ack))
	}
	if f.Sync {
		size += sizeOfNumber(frameSync, 1)
	}
	out = slices.Grow(out, sizeOfBytes(requestFrame, size))
	out = appendPrefix(out, requestFrame, size)
	for _, s := range f.Outlines {
		out = appendPrefix(out, frameBatches, sizeOfSealed(s))
		out = append(appendPrefix(out, sealedBatch, len(s.Bytes)), s.Bytes...)
		out = append(appendPrefix(out, sealedHash, len(s.Hash)), s.Hash[:]...)
		if g := s.Signature; g != nil {
			out = append(appendPrefix(out, sealedSigned, len(g.Value)), g.Value[:]...)
			out = append(appendPrefix(out, sealedSigner, len(g.Certificate)), g.Certificate[:]...)
		}
	}
	if a := f.Ack; a != nil {
		out = appendPrefix(out, frameAck, sizeOfAck(a))
		out = appendNumber(out, ackApplied, a.Applied)
		out = appendNumber(out, ackSynced, a.Synced)
		out = appendNumber(out, ackForked, protowire.EncodeBool(a.Forked))
	}
	return appendNumber(out, frameSync, protowire.EncodeBool(f.Sync))
}

func sizeOfSealed(s *ledger.Outline) int {
	n := sizeOfBytes(sealedBatch, len(s.Bytes)) + sizeOfBytes(sealedHash, len(s.Hash))
	if g := s.Signature; g != nil {
		n += sizeOfBytes(sealedSigned, len(g.Value)) + sizeOfBytes(sealedSigner, len(g.Certificate))
	}
	return n
}

func sizeOfAck(a *protocol.Ack) int {
	return sizeOfNumber(ackApplied, a.Applied) + sizeOfNumber(ackSynced, a.Synced) + sizeOfNumber(ackForked, protowire.EncodeBool(a.Forked))
}

// sizeOfBytes returns the size of a field of so many bytes, with its prefix.
func sizeOfBytes(field protowire.Number, n int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(n)
}

// appendPrefix begins a field of so many bytes.
func appendPrefix(out []byte, field protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(out, field, protowire.BytesType), uint64(n))
}

// sizeOfNumber returns the size of what appendNumber appends.
func sizeOfNumber(field protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(field) + protowire.SizeVarint(v)
}

// appendNumber appends a field that is a number; nothing for 0.
func appendNumber(out []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return out
	}
	return protowire.AppendVarint(protowire.AppendTag(out, field, protowire.VarintType), v)
}

// copies finds out which frames of a step say the same, so that they are encoded
// once: a batch of this branch's own goes to all peers.
type copies struct {
	// last is the last frame that others may repeat.
	last outgoing
}

// maxCopiedBytes bounds the batches of a frame that is kept in case the next one is
// the same.
const maxCopiedBytes = 64 << 10

// of returns what is to be sent for a frame.
func (c *copies) of(f *protocol.Frame) outgoing {
	if f.Ping != 0 || f.Pong != 0 || f.Hello != nil || len(f.Certificates) > 0 || f.Contest != nil || f.Ack != nil || len(f.Wants) > 0 || len(f.Outlines) == 0 || batchBytes(f) > maxCopiedBytes {
		return outgoing{frame: f}
	}
	if c.last.frame == nil || c.last.frame.Sync != f.Sync || !slices.Equal(c.last.frame.Outlines, f.Outlines) {
		c.last = outgoing{frame: f, encoded: &encoded{}}
	}
	return c.last
}

// prefixBytes is the size of what a stream has before each message.
const prefixBytes = 5

// mostBytes bounds the size of a frame's message; of a hello or wants, which are
// rare, by more than any stream has room for.
func mostBytes(f *protocol.Frame) int {
	const fields, eachBatch = 96, 168 // with a signature
	if f.Hello != nil || len(f.Wants) > 0 {
		return MaxMessage
	}
	return prefixBytes + fields + eachBatch*len(f.Outlines) + contentBytes(f)
}

// contestBytes bounds the size of what is said of contested accounts.
func contestBytes(c *protocol.Contest) int {
	const fields, eachWait = 96, 24
	if c == nil {
		return 0
	}
	n := 0
	for _, account := range c.Summons {
		n += fields + len(account)
	}
	for i := range c.Looks {
		n += fields + len(c.Looks[i].Account)
	}
	for i := range c.Answers {
		n += fields + len(c.Answers[i].Account) + eachWait*len(c.Answers[i].Waiting)
	}
	for i := range c.Ends {
		n += fields + len(c.Ends[i].Account)
	}
	return n
}
