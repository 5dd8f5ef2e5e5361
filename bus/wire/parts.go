package wire

import (
	"cmp"
	"slices"
	"time"

	"chattok/session"
)

// The types below are the domain's with a key for each field. Most are converted by Go's own conversion, which stops
// compiling when a field is missing or differs. The others contain such types, and TestEveryField checks that they
// carry every field. A new field gets the next number.

type entry struct {
	SessionID      string                  `cbor:"1,keyasint,omitempty"`
	Epoch          session.Epoch           `cbor:"2,keyasint,omitempty"`
	Seq            int64                   `cbor:"3,keyasint"`
	Place          int64                   `cbor:"8,keyasint,omitempty"`
	ConnectionID   string                  `cbor:"4,keyasint"`
	UserID         *string                 `cbor:"9,keyasint,omitempty"`
	Body           string                  `cbor:"5,keyasint"`
	Data           *string                 `cbor:"10,keyasint,omitempty"`
	ReplyTo        int64                   `cbor:"11,keyasint,omitempty"`
	IdempotencyKey string                  `cbor:"6,keyasint,omitempty"`
	CreatedAt      time.Time               `cbor:"7,keyasint"`
	Version        int64                   `cbor:"12,keyasint,omitempty"`
	Changed        int64                   `cbor:"13,keyasint,omitempty"`
	EditedAt       *time.Time              `cbor:"14,keyasint,omitempty"`
	DeletedAt      *time.Time              `cbor:"15,keyasint,omitempty"`
	DeletedBy      string                  `cbor:"16,keyasint,omitempty"`
	Reactions      []session.ReactionCount `cbor:"17,keyasint,omitempty"`
}

// entryChange is a session.LogEvent that is no addition.
type entryChange struct {
	Place      int64               `cbor:"1,keyasint"`
	Change     session.EntryChange `cbor:"2,keyasint"`
	Superseded int64               `cbor:"3,keyasint,omitempty"`
	Entry      entry               `cbor:"4,keyasint"`
}

type userEvent struct {
	UserID    string        `cbor:"1,keyasint"`
	Epoch     session.Epoch `cbor:"6,keyasint"`
	Place     int64         `cbor:"2,keyasint,omitempty"`
	Seq       int64         `cbor:"3,keyasint,omitempty"`
	Version   int64         `cbor:"4,keyasint,omitempty"`
	Reactions []string      `cbor:"5,keyasint,omitempty"`
}

type connection struct {
	ID           string       `cbor:"1,keyasint"`
	SessionID    string       `cbor:"2,keyasint,omitempty"`
	UserID       *string      `cbor:"7,keyasint,omitempty"`
	Data         *string      `cbor:"3,keyasint,omitempty"`
	DataFixed    bool         `cbor:"8,keyasint,omitempty"`
	DataRevision int64        `cbor:"9,keyasint,omitempty"`
	Role         session.Role `cbor:"4,keyasint"`
	Guest        bool         `cbor:"5,keyasint,omitempty"`
	Service      bool         `cbor:"10,keyasint,omitempty"`
	CreatedAt    time.Time    `cbor:"6,keyasint"`
}

type change struct {
	Revision   int64                    `cbor:"1,keyasint"`
	Connection *connection              `cbor:"2,keyasint,omitempty"`
	Reason     session.DisconnectReason `cbor:"3,keyasint,omitempty"`
	Stream     *streamChange            `cbor:"4,keyasint,omitempty"`
	Session    *settings                `cbor:"5,keyasint,omitempty"`
}

// settings is a session.Session.
type settings struct {
	ID               string            `cbor:"1,keyasint"`
	Epoch            session.Epoch     `cbor:"2,keyasint"`
	MediaMode        session.MediaMode `cbor:"3,keyasint"`
	TokenRequired    bool              `cbor:"4,keyasint,omitempty"`
	SlowMode         time.Duration     `cbor:"5,keyasint,omitempty"`
	ReadOnly         bool              `cbor:"8,keyasint,omitempty"`
	Data             *string           `cbor:"9,keyasint,omitempty"`
	Retention        *time.Duration    `cbor:"10,keyasint,omitempty"`
	SettingsRevision int64             `cbor:"6,keyasint,omitempty"`
	CreatedAt        time.Time         `cbor:"7,keyasint"`
}

// connectionUpdated is the kind of a change of a connection's data, which stands in Connection beside a Stream of this kind
// alone: nodes of versions that do not know it pass over a change of streams of an unknown kind.
const connectionUpdated session.StreamChangeKind = "connectionUpdated"

// sessionUpdated is, for the same reason, the kind of a change of the session's settings.
const sessionUpdated session.StreamChangeKind = "sessionUpdated"

type streamChange struct {
	Kind      session.StreamChangeKind `cbor:"1,keyasint"`
	Stream    *stream                  `cbor:"2,keyasint,omitempty"`
	Reason    session.DisconnectReason `cbor:"3,keyasint,omitempty"`
	Except    []string                 `cbor:"4,keyasint,omitempty"`
	Moderator *connection              `cbor:"5,keyasint,omitempty"`
	Stay      bool                     `cbor:"6,keyasint,omitempty"`
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

// putLog writes events, without the fields that all entries share.
func (e *envelope) putLog(run session.LogRun) {
	if len(run.Events) == 0 {
		return
	}
	e.Epoch, e.LogAfter = run.Events[0].Entry.Epoch, run.After
	for _, event := range run.Events {
		written := entry(*event.Entry)
		written.SessionID, written.Epoch = "", 0
		if event.Added() {
			e.Entries = append(e.Entries, written)
		} else {
			e.EntryChange = append(e.EntryChange, entryChange{event.Place, event.Change, event.Superseded, written})
		}
	}
}

// takeLog reads the events that putLog wrote, or a version without changes.
func (e *envelope) takeLog(run *session.LogRun) {
	if len(e.Entries)+len(e.EntryChange) == 0 {
		return
	}
	run.After = e.LogAfter
	if e.Place == 0 {
		run.After = run.Through - int64(len(e.Entries))
	}
	for _, written := range e.Entries {
		added := e.toEntry(written)
		if e.Place == 0 {
			added.Place, added.Version = added.Seq, 1
		}
		run.Events = append(run.Events, &session.LogEvent{Place: added.Place, Entry: added})
	}
	for _, written := range e.EntryChange {
		run.Events = append(run.Events, &session.LogEvent{Place: written.Place, Change: written.Change,
			Superseded: written.Superseded, Entry: e.toEntry(written.Entry)})
	}
	slices.SortFunc(run.Events, func(a, b *session.LogEvent) int { return cmp.Compare(a.Place, b.Place) })
}

func (e *envelope) toEntry(written entry) *session.ChatEntry {
	read := session.ChatEntry(written)
	read.SessionID, read.Epoch = e.SessionID, e.Epoch
	return &read
}

func fromChanges(changes []session.RosterChange) []change {
	if len(changes) == 0 {
		return nil
	}
	written := make([]change, len(changes))
	for i, c := range changes {
		written[i] = change{Revision: c.Revision, Connection: (*connection)(c.Connection), Reason: c.Reason,
			Stream: fromStreamChange(c.Stream), Session: (*settings)(c.Session)}
		switch {
		case c.Updated:
			written[i].Stream = &streamChange{Kind: connectionUpdated}
		case c.Session != nil:
			written[i].Stream = &streamChange{Kind: sessionUpdated}
		}
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
			Connection: (*session.Connection)(c.Connection), Reason: c.Reason, Stream: c.Stream.toStreamChange(),
			Session: (*session.Session)(c.Session)}
		switch {
		case c.Stream == nil:
		case c.Stream.Kind == connectionUpdated:
			changes[i].Updated, changes[i].Stream = true, nil
		case c.Stream.Kind == sessionUpdated:
			changes[i].Stream = nil
		}
	}
	return changes
}

// complete says whether a change has the parts that every reader relies on. No version writes a change without them;
// the numbers make up for one.
func (c change) complete() bool {
	switch {
	case c.Stream == nil || c.Stream.Kind == connectionUpdated:
		return c.Connection != nil
	case c.Stream.Kind == sessionUpdated:
		return c.Session != nil
	}
	return c.Stream.Stream == nil || c.Stream.Stream.Connection != nil
}

func fromStreamChange(c *session.StreamChange) *streamChange {
	if c == nil {
		return nil
	}
	written := &streamChange{Kind: c.Kind, Reason: c.Reason, Except: c.Except, Stay: c.Stay, Moderator: (*connection)(c.Moderator)}
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
	read := &session.StreamChange{Kind: c.Kind, Reason: c.Reason, Except: c.Except, Stay: c.Stay, Moderator: (*session.Connection)(c.Moderator)}
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

// feedNews is a session.FeedNews.
type feedNews struct {
	Through    int64         `cbor:"1,keyasint,omitempty"`
	Sessions   []string      `cbor:"2,keyasint,omitempty"`
	Removed    session.Epoch `cbor:"3,keyasint,omitempty"`
	RemovedSeq int64         `cbor:"4,keyasint,omitempty"`
}

// front is a session.NewFront.
type front struct {
	Epoch session.Epoch `cbor:"1,keyasint"`
	Seq   int64         `cbor:"2,keyasint"`
	Place int64         `cbor:"3,keyasint"`
}

// fromTrace returns the ids of a trace's span, one after the other; nil where there is none.
func fromTrace(t session.Trace) []byte {
	if t.IsZero() {
		return nil
	}
	return append(t.TraceID[:], t.SpanID[:]...)
}

// toTrace reads what fromTrace wrote. Anything else is no trace.
func toTrace(b []byte) (t session.Trace) {
	if len(b) == len(t.TraceID)+len(t.SpanID) {
		copy(t.SpanID[:], b[copy(t.TraceID[:], b):])
	}
	return t
}
