package session

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"math"
)

// Epoch is a session's random identity, made with it. Two logs share one only where one is a copy of the other.
type Epoch uint64

func newEpoch() Epoch {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return Epoch(binary.BigEndian.Uint64(b[:]) &^ (1 << 63))
}

// Tags are the first byte of an encoded position. They keep its kinds apart, so that an id is never taken for a cursor.
const (
	tagCursor     byte = 0x01
	tagEntry      byte = 0x02
	tagConnection byte = 0x03
	tagActive     byte = 0x04 // a place in the list of sessions, by last entry
	tagCreated    byte = 0x05 // the same, by creation
	tagFeed       byte = 0x10 // a place in the feed
	tagFeedEvent  byte = 0x10 // and the event's FeedKind
)

// StartCursor is the beginning of any log.
const StartCursor = "0"

// Cursor returns the opaque cursor of a place in the log with this epoch; place 0 is StartCursor.
func Cursor(epoch Epoch, place int64) string {
	if place == 0 {
		return StartCursor
	}
	return encodePosition(tagCursor, epoch, place)
}

// ParseCursor returns the place of a cursor of the log with this epoch. Errors: BAD_USER_INPUT with ReasonCursorMismatch,
// which names the argument, for every other string.
func ParseCursor(argument string, epoch Epoch, cursor string) (place int64, err error) {
	if cursor == StartCursor {
		return 0, nil
	}
	at, place, ok := decodePosition(tagCursor, cursor)
	if !ok || at != epoch {
		return 0, CursorMismatch(argument)
	}
	return place, nil
}

// CursorMismatch is the error for a cursor that is not one of the log at hand. It is the same whatever the cause, so that
// nothing can be learnt of other sessions.
func CursorMismatch(argument string) *Error {
	return Errorf(CodeBadUserInput, "%s is not a cursor of this session's log; start again from \"0\" or from the session's last cursor", argument).
		WithReason(ReasonCursorMismatch)
}

// removedCursor is the error for a cursor before the front of its log, whose entries up to there have been removed.
func removedCursor(argument string, epoch Epoch, front LogFront) *Error {
	err := Errorf(CodeBadUserInput, "%s is older than the log's first entry: entries from before are kept no longer; start again from \"0\","+
		" from the session's firstCursor or from its last cursor", argument).WithReason(ReasonCursorMismatch)
	err.FirstCursor = Cursor(epoch, front.Place)
	return err
}

func encodePosition(tag byte, epoch Epoch, seq int64) string {
	b := make([]byte, 0, 9+binary.MaxVarintLen64)
	b = append(b, tag)
	b = binary.BigEndian.AppendUint64(b, uint64(epoch))
	b = binary.AppendUvarint(b, uint64(seq))
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodePosition accepts only strings that encodePosition makes, byte for byte.
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
