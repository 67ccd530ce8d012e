package api

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// JSONCodec speaks the JSON of the API: a zero is written ("balance":"0"),
// and a field that the message does not have is refused by its name, so that a
// misspelt amount is not an amount of 0.
type JSONCodec struct {
	name string // the content type, after "application/"
}

var errEmptyBody = errors.New("the body is empty where a JSON object is expected, at least {}")

// JSONCodecs returns one for each content type that means JSON.
func JSONCodecs() []JSONCodec {
	return []JSONCodec{{"json"}, {"json; charset=utf-8"}}
}

// Name implements connect.Codec.
func (c JSONCodec) Name() string { return c.name }

// Marshal implements connect.Codec.
func (c JSONCodec) Marshal(message any) ([]byte, error) {
	m, ok := message.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is not a message", message)
	}
	return protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
}

// Unmarshal implements connect.Codec.
func (c JSONCodec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is not a message", message)
	}
	err := errEmptyBody
	if len(data) > 0 {
		err = protojson.Unmarshal(data, m)
	}
	if err != nil {
		leaveUndecoded(m, err) // errors.go says it
	}
	return nil
}
