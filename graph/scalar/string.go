package scalar

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalString writes a string.
func MarshalString(s string) graphql.ContextMarshaler { return text(s) }

// text is a string that is written as JSON.
type text string

// MarshalGQLContext implements graphql.ContextMarshaler.
func (s text) MarshalGQLContext(ctx context.Context, w io.Writer) error {
	if b, ok := w.(*bytes.Buffer); ok && b.Len() >= largeBuffer && b.Available() < 6*len(s)+RoomBeside {
		n := StringBytes(string(s)) + RoomBeside
		if sized := SizedOf(ctx); sized != nil {
			n = max(n, sized.ResponseBytes()-b.Len()+RoomBeside)
		}
		makeRoom(b, n)
	}
	graphql.MarshalString(string(s)).MarshalGQL(w)
	return nil
}

// Sized knows how many bytes a response has at most. It is asked when all of its values are resolved.
type Sized interface{ ResponseBytes() int }

type sizedKey struct{}

// WithSized returns a context whose strings make room for all of their response at once.
func WithSized(ctx context.Context, s Sized) context.Context {
	return context.WithValue(ctx, sizedKey{}, s)
}

// SizedOf returns what WithSized put into ctx, or nil.
func SizedOf(ctx context.Context) Sized {
	s, _ := ctx.Value(sizedKey{}).(Sized)
	return s
}

const (
	largeBuffer = 64 << 10
	// RoomBeside is how many bytes a buffer has left, beside a string, for what is written between two of them. A buffer that is made for
	// all of an answer has so many more, and then never grows.
	RoomBeside = 4 << 10
	// pieceBytes is how much is copied at once.
	pieceBytes = 64 << 10
)

// makeRoom grows a large buffer in pieces: to twice its size, or by n bytes where that is more. bytes.Buffer itself copies all of it at once:
// nothing interrupts a copy of many megabytes into new memory, so the garbage collector waits for it, and with the collector everybody else.
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
func UnmarshalString(_ context.Context, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("a String must be a string")
	}
	return s, nil
}
