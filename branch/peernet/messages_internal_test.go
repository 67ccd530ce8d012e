package peernet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
)

// A message goes out at once with its prefix, and everything that is sent goes out
// as it is, in whatever pieces it is written and read.
func TestAMessageGoesOutWithItsPrefix(t *testing.T) {
	message := func(n int) [][]byte {
		prefix := binary.BigEndian.AppendUint32([]byte{0}, uint32(n))
		return [][]byte{prefix, bytes.Repeat([]byte{7}, n)}
	}
	tests := map[string]struct {
		writes [][]byte
		room   int
		want   []int
	}{
		"a message":              {message(3), 100, []int{8}},
		"two":                    {slices.Concat(message(3), message(200)), 300, []int{8, 205}},
		"one that is larger":     {slices.Concat(message(205), message(1)), 100, []int{100, 100, 10, 6}},
		"one with five left":     {slices.Concat(message(100), message(1)), 100, []int{100, 5, 6}},
		"one of nothing":         {slices.Concat(message(0)[:1], message(2)), 100, []int{5, 7}},
		"room for the prefix":    {message(3), 5, []int{5, 3}},
		"a prefix that is alone": {message(3)[:1], 100, []int{5}},
		"no message":             {[][]byte{{1, 2, 3}}, 100, []int{3}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			go func() {
				for _, p := range test.writes {
					if _, err := w.Write(p); err != nil {
						t.Error(err)
					}
				}
				_ = w.Close()
			}()
			var got []int
			var all []byte
			for body := (&messageReader{ReadCloser: r}); ; {
				p := make([]byte, test.room)
				n, err := body.Read(p)
				if all = append(all, p[:n]...); n > 0 {
					got = append(got, n)
				}
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("pieces of %v, want %v", got, test.want)
			}
			if want := slices.Concat(test.writes...); !bytes.Equal(all, want) {
				t.Errorf("%x goes out, want %x", all, want)
			}
		})
	}
}

// Only the streams of gRPC go out that way.
func TestOtherRequestsGoOutAsTheyAre(t *testing.T) {
	for name, test := range map[string]struct {
		kind   string
		length int64
		want   bool
	}{
		"a stream":          {"application/grpc+proto", -1, true},
		"a call":            {"application/grpc+proto", 8, false},
		"another protocol":  {"application/connect+proto", -1, false},
		"an unknown length": {"application/octet-stream", -1, false},
	} {
		req := &http.Request{Header: http.Header{"Content-Type": {test.kind}}, ContentLength: test.length, Body: http.NoBody}
		out := wholeMessages(req)
		if _, got := out.Body.(*messageReader); got != test.want || req.Body != http.NoBody {
			t.Errorf("%s: %T", name, out.Body)
		}
	}
}
