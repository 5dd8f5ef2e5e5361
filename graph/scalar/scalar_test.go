package scalar

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

func TestInt(t *testing.T) {
	for _, v := range []any{7, int64(7), json.Number("7")} {
		if n, err := UnmarshalInt(v); n != 7 || err != nil {
			t.Errorf("%T: %d %v", v, n, err)
		}
	}
	for _, v := range []any{"7", 7.0, true, nil, json.Number("7.0"), json.Number("1e3"), json.Number("2147483648"), int64(-1 << 40)} {
		if n, err := UnmarshalInt(v); err == nil {
			t.Errorf("%T %v is read as %d", v, v, n)
		}
	}
}

func TestString(t *testing.T) {
	if s, err := UnmarshalString(t.Context(), "7"); s != "7" || err != nil {
		t.Error(s, err)
	}
	for _, v := range []any{7, json.Number("7"), true, nil} {
		if s, err := UnmarshalString(t.Context(), v); err == nil {
			t.Errorf("%T %v is read as %q", v, v, s)
		}
	}
}

// TestLargeBuffer: a buffer that grows by strings has what a builder has, and is not grown by more than twice its length.
func TestLargeBuffer(t *testing.T) {
	var buffer bytes.Buffer
	var builder strings.Builder
	for n := range 3000 {
		s := strings.Repeat("\x01\u00e9\"", n%700)
		for _, w := range []io.Writer{&buffer, &builder} {
			if err := MarshalString(s).MarshalGQLContext(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write([]byte{','})
		}
	}
	if buffer.Len() < 8<<20 || buffer.String() != builder.String() {
		t.Errorf("%d bytes, and %d otherwise", buffer.Len(), builder.Len())
	}
	if buffer.Cap() > 2*buffer.Len()+largeBuffer {
		t.Errorf("%d bytes take %d", buffer.Len(), buffer.Cap())
	}
}

// sized is a response of so many bytes.
type sized int

func (s sized) ResponseBytes() int { return int(s) }

// TestSizedBuffer: a buffer whose response's size is known grows once.
func TestSizedBuffer(t *testing.T) {
	const texts = 1000
	s := strings.Repeat("\x01", 1000)
	total := texts * StringBytes(s)
	ctx := WithSized(t.Context(), sized(total))
	var buffer bytes.Buffer
	var caps []int
	for range texts {
		if err := MarshalString(s).MarshalGQLContext(ctx, &buffer); err != nil {
			t.Fatal(err)
		}
		if c := buffer.Cap(); c > 2*largeBuffer && (len(caps) == 0 || caps[len(caps)-1] != c) {
			caps = append(caps, c)
		}
	}
	if buffer.Len() != total || len(caps) != 1 || caps[0] > total+2*RoomBeside {
		t.Errorf("%d bytes of %d took buffers of %v", buffer.Len(), total, caps)
	}
}

func TestTime(t *testing.T) {
	var b strings.Builder
	MarshalTime(time.Date(2026, 1, 31, 13, 0, 0, 999_999, time.FixedZone("", 3600))).MarshalGQL(&b)
	if b.String() != `"2026-01-31T12:00:00.000Z"` {
		t.Error(b.String())
	}
	if at, err := UnmarshalTime("2026-01-31T13:00:00.5+01:00"); err != nil || !at.Equal(time.Date(2026, 1, 31, 12, 0, 0, 500_000_000, time.UTC)) {
		t.Error(at, err)
	}
	for _, v := range []any{"yesterday", 5, nil} {
		if _, err := UnmarshalTime(v); err == nil {
			t.Errorf("%v is read", v)
		}
	}
}
