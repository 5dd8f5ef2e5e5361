// Package wire is how a session.Message is written between nodes, which may be of different versions while an
// installation is being upgraded.
//
// A message is one byte, the format's number, eight with its place among those that its publisher sent, big-endian, and
// a CBOR map (RFC 8949) with small integers for keys. What a later
// version adds has a new key, which an earlier one passes over; a key never changes its meaning or type. Where what a
// message carries can't be understood without knowing what is new, its writer raises "needs": a reader that knows less
// takes the numbers alone, and has the rest from the Store. The keys of the numbers are for good.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"chattok/session"
)

const (
	// format is the first byte of a message. Another one can't be read at all.
	format byte = 1
	// knows is the highest "needs" that this version understands, and what it writes.
	knows = 1
	// header is how many bytes there are before the map.
	header = 9
)

// Errors of Marshal and Unmarshal.
var (
	ErrTooLarge = errors.New("the message is too large for the bus")
	ErrFormat   = errors.New("the message is of another format")
)

// Envelope is a message and the node that published it.
type Envelope struct {
	Node    uint64 // random, so that a node knows its own messages
	Message session.Message
	Place   uint64 // among the messages that the node sent, ascending; 0 where they are not counted
}

type envelope struct {
	// The numbers.
	Node      uint64 `cbor:"1,keyasint"`
	SessionID string `cbor:"2,keyasint"`
	Seq       int64  `cbor:"3,keyasint,omitempty"`
	Revision  int64  `cbor:"4,keyasint,omitempty"`
	Needs     uint   `cbor:"5,keyasint,omitempty"`

	// What they number.
	Epoch       session.Epoch `cbor:"6,keyasint,omitempty"` // of the entries, which leave out theirs
	Entries     []entry       `cbor:"7,keyasint,omitempty"`
	Changes     []change      `cbor:"8,keyasint,omitempty"`
	Signal      *signal       `cbor:"9,keyasint,omitempty"`
	Negotiation *negotiation  `cbor:"10,keyasint,omitempty"`
}

// numbers are the part of an envelope that every version reads.
type numbers struct {
	Node      uint64 `cbor:"1,keyasint"`
	SessionID string `cbor:"2,keyasint"`
	Seq       int64  `cbor:"3,keyasint,omitempty"`
	Revision  int64  `cbor:"4,keyasint,omitempty"`
	Needs     uint   `cbor:"5,keyasint,omitempty"`
}

var (
	encoding = must(cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC}.EncMode())
	decoding = must(cbor.DecOptions{}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}

// Marshal writes e in limit bytes at most: where it does not fit, without what the numbers stand for. Errors:
// ErrTooLarge where that does not fit either, or would say nothing.
func Marshal(e Envelope, limit int) ([]byte, error) {
	m := e.Message
	full := envelope{Node: e.Node, SessionID: m.SessionID, Seq: m.Seq, Revision: m.Revision, Needs: knows,
		Signal: (*signal)(m.Signal), Negotiation: fromNegotiation(m.Negotiation)}
	if bodies(m.Entries) <= limit {
		full.Epoch, full.Entries = fromEntries(m.Entries)
		full.Changes = fromChanges(m.Changes)
		b, err := marshal(full, e.Place)
		if err != nil || len(b) <= limit {
			return b, err
		}
	}
	if m.Signal != nil || m.Negotiation != nil {
		return nil, fmt.Errorf("%w: it may have %d bytes", ErrTooLarge, limit)
	}
	full.Entries, full.Changes, full.Epoch = nil, nil, 0
	b, err := marshal(full, e.Place)
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%w: it may have %d bytes", ErrTooLarge, limit)
	}
	return b, err
}

// SetPlace changes the place in what Marshal returned, since it is known only when the message is sent.
func SetPlace(b []byte, place uint64) { binary.BigEndian.PutUint64(b[1:header], place) }

// bodies is the least that the entries take, so that what can't fit is not written first.
func bodies(entries []*session.ChatEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Body)
	}
	return bytes
}

func marshal(e envelope, place uint64) ([]byte, error) {
	b, err := encoding.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write a message: %w", err)
	}
	whole := make([]byte, 0, header+len(b))
	whole = binary.BigEndian.AppendUint64(append(whole, format), place)
	return append(whole, b...), nil
}

// Unmarshal reads what Marshal wrote, in this version or another one. Errors: ErrFormat; others for what no version
// writes.
func Unmarshal(b []byte) (Envelope, error) {
	if len(b) < header || b[0] != format {
		return Envelope{}, ErrFormat
	}
	place, b := binary.BigEndian.Uint64(b[1:header]), b[header:]
	var n numbers
	if err := decoding.Unmarshal(b, &n); err != nil {
		return Envelope{}, fmt.Errorf("read a message's numbers: %w", err)
	}
	read := Envelope{Node: n.Node, Place: place, Message: session.Message{SessionID: n.SessionID, Seq: n.Seq, Revision: n.Revision}}
	if n.Needs > knows {
		return read, nil
	}
	var full envelope
	if err := decoding.Unmarshal(b, &full); err != nil {
		return Envelope{}, fmt.Errorf("read a message: %w", err)
	}
	read.Message.Entries = toEntries(full)
	read.Message.Changes = toChanges(full)
	read.Message.Signal = (*session.Signal)(full.Signal)
	read.Message.Negotiation = full.Negotiation.toNegotiation()
	return read, nil
}
