package branch

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"passbook.example/passbook/branch/api"
	"passbook.example/passbook/branch/replica"
	bankv1 "passbook.example/passbook/gen/bank/v1"
)

// outgoing is a frame on its way to a peer.
type outgoing struct {
	frame *replica.Frame
	// envelope is the frame encoded, for all peers that are sent the same at
	// once; nil for a frame of its own.
	envelope *envelope
}

// envelope is a message of a gRPC stream: a byte that says that it is not
// compressed, its length in four, and a PropagateRequest. It is made by the first
// who needs it.
type envelope struct {
	once  sync.Once
	bytes []byte
}

// keptFrameBytes bounds the memory that an idle link keeps for its next frame.
const keptFrameBytes = 1 << 10

const prefixBytes = 5

// shared returns the envelope for the first time or again.
func (o outgoing) shared() []byte {
	o.envelope.once.Do(func() { o.envelope.bytes = encode(nil, o.frame) })
	return o.envelope.bytes
}

// encode writes a frame's envelope over what is in out.
func encode(out []byte, f *replica.Frame) []byte {
	m := &bankv1.PropagateRequest{Frame: api.FrameToProto(f)}
	out = slices.Grow(out[:0], prefixBytes+proto.Size(m))
	out, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(append(out, 0, 0, 0, 0, 0), m)
	if err != nil {
		panic("a frame can't be encoded: " + err.Error()) // only its text could be wrong, and it has none
	}
	binary.BigEndian.PutUint32(out[1:], uint32(len(out)-prefixBytes))
	return out
}

// response is the frame as an accepted link sends it. One that is encoded goes
// along as it is: to the encoder it is a field that it does not know.
func (o outgoing) response() *bankv1.PropagateResponse {
	if o.envelope == nil {
		return &bankv1.PropagateResponse{Frame: api.FrameToProto(o.frame)}
	}
	out := &bankv1.PropagateResponse{}
	out.ProtoReflect().SetUnknown(o.shared()[prefixBytes:])
	return out
}

// copies has the frames of one step that say the same encoded once: a batch of
// this branch's own goes to all peers.
type copies struct{ last outgoing }

// maxCopiedBytes bounds the batches of a frame that is kept in case that the next
// one is the same.
const maxCopiedBytes = 64 << 10

func (c *copies) of(f *replica.Frame) outgoing {
	if f.Hello != nil || f.Ack != nil || len(f.Wants) > 0 || len(f.Batches) == 0 || batchBytes(f) > maxCopiedBytes {
		return outgoing{frame: f}
	}
	if c.last.frame == nil || c.last.frame.Sync != f.Sync || !slices.Equal(c.last.frame.Batches, f.Batches) {
		c.last = outgoing{frame: f, envelope: &envelope{}}
	}
	return c.last
}

// mostBytes bounds the size of a frame's message; of a hello or wants, which are
// rare, by more than any stream has room for.
func mostBytes(f *replica.Frame) int {
	const fields, eachBatch = 64, 64
	if f.Hello != nil || len(f.Wants) > 0 {
		return maxPeerMessage
	}
	return prefixBytes + fields + eachBatch*len(f.Batches) + batchBytes(f)
}

type linkKey struct{}

// dialing returns a context for the call that dials the link, whose request has
// the outbox for its body.
func (k *link) dialing(ctx context.Context) context.Context {
	return context.WithValue(k.peer.call(ctx), linkKey{}, k)
}

// outboxClient sends the requests whose body is an outbox.
type outboxClient struct{ next connect.HTTPClient }

// Do implements connect.HTTPClient.
func (c *outboxClient) Do(req *http.Request) (*http.Response, error) {
	req.Body = requestOf(req.Context(), req.Body)
	return c.next.Do(req)
}

// requestOf returns the body of a request that has an outbox for one, in the
// place of the pipe that Connect would send on; or else its own body.
func requestOf(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	if k, ok := ctx.Value(linkKey{}).(*link); ok {
		return &outboxBody{link: k, unused: body}
	}
	return body
}

// outboxBody is what a dialed link sends, as gRPC has the messages of a stream.
// Who reads it, the connection or a peer of this process, takes the frames right
// out of the outbox. A pipe between would have somebody to write to it woken for
// each frame, and he would wake and wait for the reader, twice.
type outboxBody struct {
	link *link
	// rest is what of the last frame is not read yet, own the memory for those
	// that no other peer is sent.
	rest, own []byte
	// unused is the pipe.
	unused io.Closer
}

// Read is io.Reader's.
func (b *outboxBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		f, ok := b.link.awaitOut()
		if !ok {
			return 0, io.EOF
		}
		b.rest = b.encoded(f)
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *outboxBody) encoded(f outgoing) []byte {
	if f.envelope != nil {
		return f.shared()
	}
	out := encode(b.own, f.frame)
	if cap(out) <= keptFrameBytes {
		b.own = out
	}
	return out
}

// Close is io.Closer's. Why nobody reads any more, the stream's other half says.
func (b *outboxBody) Close() error {
	b.link.shutOutbox()
	return b.unused.Close()
}

// awaitOut takes what goes next as one frame out of the outbox, once there is
// something. It reports false when the outbox is shut.
func (k *link) awaitOut() (outgoing, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.outbox) == 0 && !k.shut {
		k.filled.Wait()
	}
	if k.shut {
		return outgoing{}, false
	}
	return k.takeOut(), true
}

// shutOutbox has nobody wait for more.
func (k *link) shutOutbox() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shut = true
	k.filled.Broadcast()
}
