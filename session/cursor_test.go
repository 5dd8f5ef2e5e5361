package session

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCursors(t *testing.T) {
	const epoch = Epoch(0x0123456789abcdef)
	for _, seq := range []int64{0, 1, 127, 128, 1 << 20, 1<<63 - 1} {
		c := Cursor(epoch, seq)
		if got, err := ParseCursor("after", epoch, c); got != seq || err != nil {
			t.Errorf("%d: %s gives %d, %v", seq, c, got, err)
		}
		if seq > 0 {
			if _, err := ParseCursor("after", epoch+1, c); CodeOf(err) != CodeBadUserInput {
				t.Errorf("another log's %s: %v", c, err)
			}
		}
	}
	e := &ChatEntry{Epoch: epoch, Seq: 7}
	for _, c := range []string{"", "00", "-1", "1.5", "abc", "9223372036854775808", e.ID(), e.Cursor() + "A", e.Cursor()[1:], e.Cursor() + "=", strings.Repeat("A", 100)} {
		_, err := ParseCursor("before", epoch, c)
		var ours *Error
		if !asErr(err, &ours) || ours.Code != CodeBadUserInput || ours.Reason != ReasonCursorMismatch || !strings.HasPrefix(ours.Message, "before ") {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func asErr(err error, to **Error) bool {
	e, ok := err.(*Error)
	*to = e
	return ok
}

// FuzzCursor checks that ParseCursor accepts only strings that Cursor makes.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"0", "", "abc", Cursor(5, 1), Cursor(5, 1<<40), "AQAAAAAAAAAFAQ", "AQAAAAAAAAAFgAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seq, err := ParseCursor("after", 5, s)
		if err == nil && Cursor(5, seq) != s {
			t.Errorf("%q is accepted as %d, whose cursor is %q", s, seq, Cursor(5, seq))
		}
		if seq < 0 {
			t.Errorf("%q gives %d", s, seq)
		}
	})
}

// FuzzBody checks that a body and a key are accepted exactly where they are within their limits.
func FuzzBody(f *testing.F) {
	for _, s := range []string{"", " \n", "hi", "\x00", "\xff", "\u2003", strings.Repeat("é", 1<<13), strings.Repeat("x", 16<<10+1)} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, body, key string) {
		err := NewEntry{Body: body, IdempotencyKey: key, ConnectionID: "c"}.Validate()
		fits := len(body) <= MaxBodyBytes && strings.TrimSpace(body) != "" && len(key) <= MaxIdempotencyKeyBytes &&
			utf8.ValidString(body) && utf8.ValidString(key) && !strings.Contains(body+key, "\x00")
		if fits != (err == nil) || err != nil && CodeOf(err) != CodeBadUserInput {
			t.Errorf("%q %q: %v", body, key, err)
		}
	})
}
