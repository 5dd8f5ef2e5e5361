package scalar

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalString writes a string.
func MarshalString(s string) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if b, ok := w.(*bytes.Buffer); ok && b.Len() >= largeBuffer && b.Available() < 6*len(s)+RoomBeside {
			makeRoom(b, StringBytes(s)+RoomBeside)
		}
		graphql.MarshalString(s).MarshalGQL(w)
	})
}

const (
	largeBuffer = 64 << 10
	// RoomBeside is how many bytes a buffer has left, beside a string, for what is written between two of them. A buffer that is made for
	// all of an answer has so many more, and then never grows.
	RoomBeside = 4 << 10
	// pieceBytes is how much is copied at once.
	pieceBytes = 64 << 10
)

// makeRoom grows a large buffer in pieces. bytes.Buffer itself copies all of it at once: nothing interrupts a copy of many megabytes into
// new memory, so the garbage collector waits for it, and with the collector everybody else.
func makeRoom(b *bytes.Buffer, n int) {
	if b.Available() >= n {
		return
	}
	grown := make([]byte, 0, max(2*b.Cap(), b.Len()+n))
	for piece := range slices.Chunk(b.Bytes(), pieceBytes) {
		grown = append(grown, piece...)
	}
	*b = *bytes.NewBuffer(grown)
}

// StringBytes returns the length of a string as MarshalString writes it.
func StringBytes(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			n++
		case c < 0x20:
			n += 5
		}
	}
	return n
}

// UnmarshalString reads a String of the GraphQL specification, and no value of another kind.
func UnmarshalString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a String must be a string")
	}
	return s, nil
}
