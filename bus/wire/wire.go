// Package wire is the form in which a session.Message goes between nodes, which may be of different versions while an
// installation is being upgraded.
//
// A message is one byte, the number of the format; eight bytes, big-endian, with the message's number among those that
// its publisher sent; and a CBOR map (RFC 8949) whose keys are small integers. A later version adds a field under a new
// key, which an earlier version ignores; a key never changes its meaning or type. Where a message can't be understood
// without a new field, its writer raises "needs": a reader that knows less takes the numbers alone, and gets the rest
// from the Store. The keys of the numbers never change.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"chattok/session"
)

const (
	// format is the first byte of a message. A message of another format can't be read at all.
	format byte = 1
	// knows is the highest "needs" that this version understands, and what it writes.
	knows = 1
	// header is the number of bytes before the map.
	header = 9
)

// Errors of Marshal and Unmarshal.
var (
	ErrTooLarge = errors.New("the message is too large for the bus")
	ErrFormat   = errors.New("the message is of another format")
)

// Envelope is a message and the node that published it.
type Envelope struct {
	Node     uint64 // random, so that a node recognises its own messages
	Message  session.Message
	Sequence uint64 // among the messages that the node sent, ascending; 0 where the node counts none
}

type envelope struct {
	// The numbers.
	Node      uint64 `cbor:"1,keyasint"`
	SessionID string `cbor:"2,keyasint"`
	Seq       int64  `cbor:"3,keyasint,omitempty"`
	Revision  int64  `cbor:"4,keyasint,omitempty"`
	Needs     uint   `cbor:"5,keyasint,omitempty"`
	Place     int64  `cbor:"11,keyasint,omitempty"` // of the log's newest event; 0 from nodes of versions whose logs have no changes: Seq

	// The parts that they number.
	Epoch       session.Epoch `cbor:"6,keyasint,omitempty"` // of the entries, which leave it out
	Entries     []entry       `cbor:"7,keyasint,omitempty"`
	Changes     []change      `cbor:"8,keyasint,omitempty"`
	Signal      *signal       `cbor:"9,keyasint,omitempty"`
	Negotiation *negotiation  `cbor:"10,keyasint,omitempty"`
	LogAfter    int64         `cbor:"12,keyasint,omitempty"` // the place before the first of Entries and EntryChanges
	EntryChange []entryChange `cbor:"13,keyasint,omitempty"`
	User        *userEvent    `cbor:"14,keyasint,omitempty"`
	Feed        *feedNews     `cbor:"15,keyasint,omitempty"`
	Deleted     session.Epoch `cbor:"16,keyasint,omitempty"` // of the session, where it was deleted
	Trace       []byte        `cbor:"17,keyasint,omitempty"` // of the commit that Seq and Place are of: the ids of the trace and of the span
	Front       *front        `cbor:"18,keyasint,omitempty"`
}

// numbers are the part of an envelope that every version reads.
type numbers struct {
	Node      uint64 `cbor:"1,keyasint"`
	SessionID string `cbor:"2,keyasint"`
	Seq       int64  `cbor:"3,keyasint,omitempty"`
	Revision  int64  `cbor:"4,keyasint,omitempty"`
	Needs     uint   `cbor:"5,keyasint,omitempty"`
	Place     int64  `cbor:"11,keyasint,omitempty"`
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

// Marshal writes e in at most limit bytes. Where e does not fit, it leaves out the parts that the numbers stand for.
// Errors: ErrTooLarge where the rest does not fit either, or would say nothing.
func Marshal(e Envelope, limit int) ([]byte, error) {
	m := e.Message
	full := envelope{Node: e.Node, SessionID: m.SessionID, Seq: m.Seq, Revision: m.Revision, Needs: knows,
		Place: m.Log.Through, Signal: (*signal)(m.Signal), Negotiation: fromNegotiation(m.Negotiation), User: (*userEvent)(m.User), Feed: (*feedNews)(m.Feed),
		Deleted: m.Deleted, Trace: fromTrace(m.Trace), Front: (*front)(m.Front)}
	if bodies(m.Log.Events) <= limit {
		full.putLog(m.Log)
		full.Changes = fromChanges(m.Changes)
		b, err := marshal(full, e.Sequence)
		if err != nil || len(b) <= limit {
			return b, err
		}
	}
	if m.Signal != nil || m.Negotiation != nil || m.User != nil || m.Feed != nil {
		return nil, fmt.Errorf("%w: it may have %d bytes", ErrTooLarge, limit)
	}
	full.Entries, full.EntryChange, full.Changes, full.Epoch, full.LogAfter = nil, nil, nil, 0, 0
	b, err := marshal(full, e.Sequence)
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%w: it may have %d bytes", ErrTooLarge, limit)
	}
	return b, err
}

// SetSequence changes the sequence number in the result of Marshal, since it is known only when the message is sent.
func SetSequence(b []byte, sequence uint64) { binary.BigEndian.PutUint64(b[1:header], sequence) }

// bodies returns the least space that the entries take, so that entries that can't fit are not encoded first.
func bodies(events []*session.LogEvent) (bytes int) {
	for _, e := range events {
		bytes += len(e.Entry.Body)
	}
	return bytes
}

func marshal(e envelope, sequence uint64) ([]byte, error) {
	b, err := encoding.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write a message: %w", err)
	}
	whole := make([]byte, 0, header+len(b))
	whole = binary.BigEndian.AppendUint64(append(whole, format), sequence)
	return append(whole, b...), nil
}

// Unmarshal reads the result of Marshal, of this version or another one. Errors: ErrFormat, and others for bytes that
// no version writes.
func Unmarshal(b []byte) (Envelope, error) {
	if len(b) < header || b[0] != format {
		return Envelope{}, ErrFormat
	}
	sequence, b := binary.BigEndian.Uint64(b[1:header]), b[header:]
	var n numbers
	if err := decoding.Unmarshal(b, &n); err != nil {
		return Envelope{}, fmt.Errorf("read a message's numbers: %w", err)
	}
	read := Envelope{Node: n.Node, Sequence: sequence, Message: session.Message{SessionID: n.SessionID, Seq: n.Seq, Revision: n.Revision}}
	if read.Message.Log.Through = n.Place; n.Place == 0 {
		read.Message.Log.Through = n.Seq
	}
	read.Message.Log.After = read.Message.Log.Through
	if n.Needs > knows {
		return read, nil
	}
	var full envelope
	if err := decoding.Unmarshal(b, &full); err != nil {
		return Envelope{}, fmt.Errorf("read a message: %w", err)
	}
	full.takeLog(&read.Message.Log)
	read.Message.Changes = toChanges(full)
	read.Message.Signal = (*session.Signal)(full.Signal)
	read.Message.Negotiation = full.Negotiation.toNegotiation()
	read.Message.User = (*session.UserEvent)(full.User)
	read.Message.Deleted = full.Deleted
	read.Message.Trace = toTrace(full.Trace)
	read.Message.Front = (*session.NewFront)(full.Front)
	read.Message.Feed = (*session.FeedNews)(full.Feed)
	return read, nil
}
