package link

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/ledger"
	"passbook.example/passbook/branch/protocol"
	"passbook.example/passbook/branch/replica"

	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// incoming is a frame that a peer has sent. It is the message that is received on a
// link's stream, in either direction. What most frames have is decoded by hand, into
// one piece of memory: two frames come for each batch that a branch makes, and one for
// each batch of a peer.
type incoming struct {
	// frame is the frame, unless wrong says what is wrong with its content.
	frame protocol.Frame
	wrong error
	// stamps are where the peer's logical clocks stood.
	stamps []*bankv1.Stamp
	// size is the size of the message, in bytes.
	size int
	// link is the one that it came on. Until the engine takes the frame, it has so many
	// places among the unread ones.
	link   *link
	places int

	// ack and batch are memory for the frame's.
	ack   protocol.Ack
	batch [1]*ledger.Sealed
	// message is what a codec other than wireCodec has decoded.
	message *bankv1.PropagateRequest
}

// decode decodes a message. It errs when the bytes are none.
func (in *incoming) decode(data []byte) error {
	in.size = len(data)
	if in.decodeUsual(data) {
		return nil
	}
	m := &bankv1.PropagateRequest{}
	if err := proto.Unmarshal(data, m); err != nil {
		return err
	}
	in.set(m.GetFrame())
	return nil
}

// set takes the frame of a message.
func (in *incoming) set(m *bankv1.Frame) {
	if n := len(m.GetWants()); n > maxWants {
		in.wrong = fmt.Errorf("it asks for %d journals, at most %d are allowed", n, maxWants)
		return
	}
	if n := len(m.GetCertificates()); n > maxCertificates {
		in.wrong = fmt.Errorf("it brings %d certificates, at most %d are allowed", n, maxCertificates)
		return
	}
	f, err := api.FrameFromProto(m)
	if err == nil {
		err = checkStamps(m.GetStamps())
	}
	if in.wrong = err; err == nil {
		in.frame, in.stamps = *f, m.GetStamps()
	}
}

// ProtoReflect implements proto.Message for codecs other than wireCodec.
func (in *incoming) ProtoReflect() protoreflect.Message {
	if in.message == nil {
		in.message = &bankv1.PropagateRequest{}
	}
	return in.message.ProtoReflect()
}

// received returns a frame that Receive has returned, ready to be taken.
func received(in *incoming, err error) (*incoming, error) {
	if err == nil && in.message != nil {
		in.size = proto.Size(in.message)
		in.set(in.message.GetFrame())
	}
	return in, err
}

// Field numbers of bank.v1.PropagateRequest, Frame, SealedBatch and Ack.
const (
	requestFrame = 1
	frameBatches = 2
	frameAck     = 3
	frameSync    = 5
	sealedBatch  = 1
	sealedHash   = 2
	sealedSigned = 3
	sealedSigner = 4
	ackApplied   = 1
	ackSynced    = 2
	ackForked    = 3
)

// encodedBatch is a batch in a message.
type encodedBatch struct{ bytes, hash, signature, certificate []byte }

// decodeUsual decodes a message that has batches, an ack and a wish for a sync, and
// nothing else. It reports false, and has done nothing, for any other.
func (in *incoming) decodeUsual(data []byte) bool {
	var room [4]encodedBatch
	batches, ack, sync := room[:0], protocol.Ack{}, false
	hasAck := false
	ok := eachField(data, func(number protowire.Number, frame []byte, _ uint64) bool {
		return number == requestFrame && frame != nil && eachField(frame, func(number protowire.Number, message []byte, v uint64) (ok bool) {
			switch number {
			case frameBatches:
				var b encodedBatch
				b, ok = decodeSealed(message)
				batches = append(batches, b)
			case frameAck:
				hasAck, ok = true, decodeAck(message, &ack)
			case frameSync:
				sync, ok = v != 0, message == nil
			}
			return ok
		})
	})
	if !ok {
		return false
	}
	in.frame.Sync = sync
	if hasAck {
		in.ack = ack
		in.frame.Ack = &in.ack
	}
	in.wrong = in.open(batches)
	return true
}

// open opens the batches of a frame.
func (in *incoming) open(batches []encodedBatch) error {
	in.frame.Batches = in.batch[:0]
	if len(batches) > len(in.batch) {
		in.frame.Batches = make([]*ledger.Sealed, 0, len(batches))
	}
	for _, b := range batches {
		hash, err := api.HashFromProto(b.hash)
		if err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		s, err := ledger.OpenSealed(slices.Clone(b.bytes), hash)
		if err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		if s.Signature, err = api.SignatureFromProto(b.signature, b.certificate); err != nil {
			return fmt.Errorf("batch: %w", err)
		}
		in.frame.Batches = append(in.frame.Batches, s)
	}
	return nil
}

// eachField visits the fields of a message: runs of bytes, which are not nil, and
// numbers. It reports false when the message has another field, or is none, or when a
// visit does.
func eachField(message []byte, visit func(number protowire.Number, bytes []byte, v uint64) bool) bool {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return false
		}
		message = message[n:]
		var bytes []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(message)
		default:
			return false
		}
		if n < 0 || !visit(number, bytes, v) {
			return false
		}
		message = message[n:]
	}
	return true
}

func decodeSealed(message []byte) (b encodedBatch, ok bool) {
	ok = message != nil && eachField(message, func(number protowire.Number, bytes []byte, _ uint64) bool {
		switch number {
		case sealedBatch:
			b.bytes = bytes
		case sealedHash:
			b.hash = bytes
		case sealedSigned:
			b.signature = bytes
		case sealedSigner:
			b.certificate = bytes
		default:
			return false
		}
		return bytes != nil
	})
	return b, ok
}

func decodeAck(message []byte, a *protocol.Ack) bool {
	return message != nil && eachField(message, func(number protowire.Number, bytes []byte, v uint64) bool {
		switch number {
		case ackApplied:
			a.Applied = v
		case ackSynced:
			a.Synced = v
		case ackForked:
			a.Forked = v != 0
		default:
			return false
		}
		return bytes == nil
	})
}

// Enter gives the replica the frame. It runs in the engine's goroutine.
func (in *incoming) Enter(r *replica.Replica) {
	k := in.link
	for range in.places {
		<-k.unread
	}
	if k.peer.link == k { // and not one that has been replaced
		if k.trace != nil && len(in.stamps) > 0 {
			k.trace.Received(k.peer.id, in.stamps, applied(r, k.peer.id))
		}
		m := protocol.Message{From: k.peer.id, To: k.peer.links.cfg.ID, Frame: &in.frame}
		k.peer.links.cfg.Life.Received(m)
		r.Receive(m)
	}
}
