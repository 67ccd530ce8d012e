package api

import (
	"regexp"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A request that is no JSON of its message is refused with the field that is at
// fault, as any other. The library would make an error of its own of what a codec
// returns, without details. So the codec leaves its error in the message, as a
// field that no message has, and the interceptor of errors takes it from there.

// undecodedField is the number of that field: the largest there may be. Whoever
// sends it himself has his request refused with his own words.
const undecodedField protowire.Number = 1<<29 - 1

// maxUndecodedText bounds what is told of the decoder's error, which quotes what
// was sent.
const maxUndecodedText = 400

// leaveUndecoded has a message say that it could not be decoded.
func leaveUndecoded(m proto.Message, err error) {
	proto.Reset(m)
	field := protowire.AppendTag(nil, undecodedField, protowire.BytesType)
	m.ProtoReflect().SetUnknown(protowire.AppendString(field, err.Error()))
}

// undecoded returns the error of a message that could not be decoded.
func undecoded(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil
	}
	unknown := m.ProtoReflect().GetUnknown()
	if len(unknown) == 0 {
		return nil
	}
	number, kind, n := protowire.ConsumeTag(unknown)
	if n < 0 || number != undecodedField || kind != protowire.BytesType {
		return nil
	}
	text, n := protowire.ConsumeString(unknown[n:])
	if n < 0 {
		return nil
	}
	text = strings.TrimLeft(strings.TrimPrefix(text, "proto:"), " \u00a0")
	text = text[:min(len(text), maxUndecodedText)]
	return &InputError{Field: undecodedName(m, text), Problem: "the request does not fit its message: " + strings.ToValidUTF8(text, "?")}
}

// fieldInText finds the name of a field in an error of the decoder.
var fieldInText = regexp.MustCompile(`field "?([A-Za-z_][A-Za-z0-9_.]*)"?`)

// undecodedName returns the name of the field that an error of the decoder is
// about: that of the schema, or as it was sent if the message has none such.
func undecodedName(m proto.Message, text string) string {
	found := fieldInText.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	if f := m.ProtoReflect().Descriptor().Fields().ByJSONName(found[1]); f != nil {
		return string(f.Name())
	}
	return string(protoreflect.FullName(found[1]).Name())
}

// decodedConn refuses messages of a stream that could not be decoded.
type decodedConn struct{ connect.StreamingHandlerConn }

// Receive implements connect.StreamingHandlerConn.
func (c decodedConn) Receive(message any) error {
	if err := c.StreamingHandlerConn.Receive(message); err != nil {
		return err
	}
	return undecoded(message)
}
