package wire

import (
	"time"

	"chattok/session"
)

// The types below are the domain's with a key for each field. Most are converted from and to the domain's by Go's own
// conversion, which stops compiling when a field is missing or differs; the others, which hold such parts, are held to
// carry every field by TestEveryField. A new field gets the next number.

type entry struct {
	SessionID      string        `cbor:"1,keyasint,omitempty"`
	Epoch          session.Epoch `cbor:"2,keyasint,omitempty"`
	Seq            int64         `cbor:"3,keyasint"`
	ConnectionID   string        `cbor:"4,keyasint"`
	Body           string        `cbor:"5,keyasint"`
	IdempotencyKey string        `cbor:"6,keyasint,omitempty"`
	CreatedAt      time.Time     `cbor:"7,keyasint"`
}

type connection struct {
	ID        string       `cbor:"1,keyasint"`
	SessionID string       `cbor:"2,keyasint,omitempty"`
	Data      *string      `cbor:"3,keyasint,omitempty"`
	Role      session.Role `cbor:"4,keyasint"`
	Guest     bool         `cbor:"5,keyasint,omitempty"`
	CreatedAt time.Time    `cbor:"6,keyasint"`
}

type change struct {
	Revision   int64                    `cbor:"1,keyasint"`
	Connection *connection              `cbor:"2,keyasint,omitempty"`
	Reason     session.DisconnectReason `cbor:"3,keyasint,omitempty"`
	Stream     *streamChange            `cbor:"4,keyasint,omitempty"`
}

type streamChange struct {
	Kind      session.StreamChangeKind `cbor:"1,keyasint"`
	Stream    *stream                  `cbor:"2,keyasint,omitempty"`
	Reason    session.DisconnectReason `cbor:"3,keyasint,omitempty"`
	Except    []string                 `cbor:"4,keyasint,omitempty"`
	Moderator *connection              `cbor:"5,keyasint,omitempty"`
}

type stream struct {
	ID         string            `cbor:"1,keyasint"`
	SessionID  string            `cbor:"2,keyasint,omitempty"`
	Connection *connection       `cbor:"3,keyasint,omitempty"`
	Name       *string           `cbor:"4,keyasint,omitempty"`
	HasAudio   bool              `cbor:"5,keyasint,omitempty"`
	HasVideo   bool              `cbor:"6,keyasint,omitempty"`
	VideoType  session.VideoType `cbor:"7,keyasint,omitempty"`
	Width      *int64            `cbor:"8,keyasint,omitempty"`
	Height     *int64            `cbor:"9,keyasint,omitempty"`
	CreatedAt  time.Time         `cbor:"10,keyasint"`
}

type signal struct {
	Type             string  `cbor:"1,keyasint"`
	Data             *string `cbor:"2,keyasint,omitempty"`
	FromConnectionID *string `cbor:"3,keyasint,omitempty"`
	To               *string `cbor:"4,keyasint,omitempty"`
	Missed           int     `cbor:"5,keyasint,omitempty"`
}

type negotiation struct {
	StreamID         string              `cbor:"1,keyasint"`
	FromConnectionID string              `cbor:"2,keyasint"`
	To               string              `cbor:"3,keyasint"`
	Description      *sessionDescription `cbor:"4,keyasint,omitempty"`
	Candidate        *iceCandidate       `cbor:"5,keyasint,omitempty"`
	Missed           int                 `cbor:"6,keyasint,omitempty"`
}

type sessionDescription struct {
	Type session.SDPType `cbor:"1,keyasint"`
	SDP  string          `cbor:"2,keyasint"`
}

type iceCandidate struct {
	Candidate        string  `cbor:"1,keyasint"`
	SDPMid           *string `cbor:"2,keyasint,omitempty"`
	SDPMLineIndex    *int    `cbor:"3,keyasint,omitempty"`
	UsernameFragment *string `cbor:"4,keyasint,omitempty"`
}

// fromEntries leaves out what all of them share.
func fromEntries(entries []*session.ChatEntry) (epoch session.Epoch, written []entry) {
	if len(entries) == 0 {
		return 0, nil
	}
	written = make([]entry, len(entries))
	for i, e := range entries {
		written[i] = entry(*e)
		written[i].SessionID, written[i].Epoch = "", 0
	}
	return entries[0].Epoch, written
}

func toEntries(e envelope) []*session.ChatEntry {
	if len(e.Entries) == 0 {
		return nil
	}
	values := make([]session.ChatEntry, len(e.Entries))
	entries := make([]*session.ChatEntry, len(values))
	for i, written := range e.Entries {
		values[i] = session.ChatEntry(written)
		values[i].SessionID, values[i].Epoch = e.SessionID, e.Epoch
		entries[i] = &values[i]
	}
	return entries
}

func fromChanges(changes []session.RosterChange) []change {
	if len(changes) == 0 {
		return nil
	}
	written := make([]change, len(changes))
	for i, c := range changes {
		written[i] = change{Revision: c.Revision, Connection: (*connection)(c.Connection), Reason: c.Reason,
			Stream: fromStreamChange(c.Stream)}
	}
	return written
}

func toChanges(e envelope) []session.RosterChange {
	if len(e.Changes) == 0 {
		return nil
	}
	changes := make([]session.RosterChange, len(e.Changes))
	for i, c := range e.Changes {
		if !c.complete() {
			return nil
		}
		changes[i] = session.RosterChange{SessionID: e.SessionID, Revision: c.Revision,
			Connection: (*session.Connection)(c.Connection), Reason: c.Reason, Stream: c.Stream.toStreamChange()}
	}
	return changes
}

// complete says whether a change has what every reader relies on. No version writes another; the numbers do then.
func (c change) complete() bool {
	if c.Stream == nil {
		return c.Connection != nil
	}
	return c.Stream.Stream == nil || c.Stream.Stream.Connection != nil
}

func fromStreamChange(c *session.StreamChange) *streamChange {
	if c == nil {
		return nil
	}
	written := &streamChange{Kind: c.Kind, Reason: c.Reason, Except: c.Except, Moderator: (*connection)(c.Moderator)}
	if s := c.Stream; s != nil {
		written.Stream = &stream{ID: s.ID, SessionID: s.SessionID, Connection: (*connection)(s.Connection), Name: s.Name,
			HasAudio: s.HasAudio, HasVideo: s.HasVideo, VideoType: s.VideoType, Width: s.Width, Height: s.Height,
			CreatedAt: s.CreatedAt}
	}
	return written
}

func (c *streamChange) toStreamChange() *session.StreamChange {
	if c == nil {
		return nil
	}
	read := &session.StreamChange{Kind: c.Kind, Reason: c.Reason, Except: c.Except, Moderator: (*session.Connection)(c.Moderator)}
	if s := c.Stream; s != nil {
		read.Stream = &session.Stream{ID: s.ID, SessionID: s.SessionID, Connection: (*session.Connection)(s.Connection), Name: s.Name,
			HasAudio: s.HasAudio, HasVideo: s.HasVideo, VideoType: s.VideoType, Width: s.Width, Height: s.Height,
			CreatedAt: s.CreatedAt}
	}
	return read
}

func fromNegotiation(n *session.Negotiation) *negotiation {
	if n == nil {
		return nil
	}
	return &negotiation{StreamID: n.StreamID, FromConnectionID: n.FromConnectionID, To: n.To,
		Description: (*sessionDescription)(n.Description), Candidate: (*iceCandidate)(n.Candidate), Missed: n.Missed}
}

func (n *negotiation) toNegotiation() *session.Negotiation {
	if n == nil {
		return nil
	}
	return &session.Negotiation{StreamID: n.StreamID, FromConnectionID: n.FromConnectionID, To: n.To,
		Description: (*session.SessionDescription)(n.Description), Candidate: (*session.ICECandidate)(n.Candidate), Missed: n.Missed}
}
