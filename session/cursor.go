package session

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Epoch is a session's random identity, made with it. Two logs share one only where one is the other's copy.
type Epoch uint64

// The first byte of an encoded position says what it is for, so that an id is never taken for a cursor.
const (
	tagCursor     byte = 0x01
	tagEntry      byte = 0x02
	tagConnection byte = 0x03
)

// StartCursor is the beginning of any log.
const StartCursor = "0"

// Cursor returns the opaque cursor of position seq in the log with this epoch; position 0 is StartCursor.
func Cursor(epoch Epoch, seq int64) string {
	if seq == 0 {
		return StartCursor
	}
	return encodePosition(tagCursor, epoch, seq)
}

// ParseCursor returns the position of a cursor of the log with this epoch. Every other string is BAD_USER_INPUT with
// ReasonCursorMismatch, which names the argument.
func ParseCursor(argument string, epoch Epoch, cursor string) (seq int64, err error) {
	if cursor == StartCursor {
		return 0, nil
	}
	at, seq, ok := decodePosition(tagCursor, cursor)
	if !ok || at != epoch {
		return 0, CursorMismatch(argument)
	}
	return seq, nil
}

// CursorMismatch is the error for a cursor that is not one of the log at hand, whatever the cause, so that nothing can
// be learnt of other sessions.
func CursorMismatch(argument string) *Error {
	return Errorf(CodeBadUserInput, "%s is not a cursor of this session's log; start again from \"0\" or from session.lastCursor", argument).
		WithReason(ReasonCursorMismatch)
}

func encodePosition(tag byte, epoch Epoch, seq int64) string {
	b := make([]byte, 0, 9+binary.MaxVarintLen64)
	b = append(b, tag)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = binary.AppendUvarint(b, uint64(seq))
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodePosition accepts only what encodePosition makes, byte for byte.
func decodePosition(tag byte, s string) (epoch Epoch, seq int64, ok bool) {
	if len(s) > 32 {
		return 0, 0, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 10 || b[0] != tag {
		return 0, 0, false
	}
	n, size := binary.Uvarint(b[9:])
	if size != len(b)-9 || n == 0 || n > math.MaxInt64 {
		return 0, 0, false
	}
	epoch, seq = Epoch(binary.BigEndian.Uint64(b[1:])), int64(n)
	return epoch, seq, encodePosition(tag, epoch, seq) == s
}
