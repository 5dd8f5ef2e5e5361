package webhook

import (
	"time"

	"chattok/session"
)

// The records are the events as they are written; their fields have the names and forms that they have in the API's schema.
type (
	logEvent struct {
		head
		LogCursor string `json:"logCursor"`        // of the session's own log
		Change    string `json:"change,omitempty"` // empty: the entry was added
		Entry     entry  `json:"entry"`
	}
	connectionEvent struct {
		head
		Reason     string      `json:"reason,omitempty"` // why it ended
		Connection *connection `json:"connection"`
	}
	streamEvent struct {
		head
		Reason string `json:"reason,omitempty"` // why it ended
		Stream stream `json:"stream"`
	}
	muteEvent struct {
		head
		StreamID  *string     `json:"streamId"`
		Except    []string    `json:"except"`
		Active    bool        `json:"active"`
		Moderator *connection `json:"moderator"`
	}
	logTruncation struct {
		head
		To string `json:"to"` // where the session's log begins
	}
	truncationEvent struct {
		head
		KeptDays int64 `json:"keptDays"`
	}
	erasureEvent struct {
		head
		Erasure erasure `json:"erasure"`
	}
	erasure struct {
		ID        string  `json:"id"`
		State     string  `json:"state"`
		Entries   int64   `json:"entries"`
		CreatedAt string  `json:"createdAt"`
		DoneAt    *string `json:"doneAt"`
	}
	sessionEvent struct {
		head
		Session sessionRecord `json:"session"`
	}
)

// logCursor returns the event's place in its session's own log.
func logCursor(e *session.LogEvent) string { return session.Cursor(e.Entry.Epoch, e.Place) }

type entry struct {
	ID           string     `json:"id"`
	Seq          int64      `json:"seq"`
	Cursor       string     `json:"cursor"`
	ConnectionID string     `json:"connectionId"`
	UserID       *string    `json:"userId"`
	Body         string     `json:"body"`
	Data         *string    `json:"data"`
	ReplyToID    *string    `json:"replyToId"`
	CreatedAt    string     `json:"createdAt"`
	Version      int64      `json:"version"`
	EditedAt     *string    `json:"editedAt"`
	DeletedAt    *string    `json:"deletedAt"`
	DeletedBy    *string    `json:"deletedBy"`
	Reactions    []reaction `json:"reactions"`
}

type reaction struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

func fromEntry(e *session.ChatEntry) entry {
	r := entry{ID: e.ID(), Seq: e.Seq, Cursor: e.Cursor(), ConnectionID: e.ConnectionID, UserID: e.UserID, Body: e.Body, Data: e.Data,
		CreatedAt: timeText(e.CreatedAt), Version: e.Version, EditedAt: timeOrNil(e.EditedAt), DeletedAt: timeOrNil(e.DeletedAt),
		DeletedBy: e.Deleter(), Reactions: make([]reaction, len(e.Reactions))}
	if id := e.ReplyID(); id != "" {
		r.ReplyToID = &id
	}
	for i, one := range e.Reactions {
		r.Reactions[i] = reaction{one.Name, one.Count}
	}
	return r
}

type connection struct {
	ID        string  `json:"id"`
	UserID    *string `json:"userId"`
	Data      *string `json:"data"`
	Role      string  `json:"role"`
	CreatedAt string  `json:"createdAt"`
}

func fromConnection(c *session.Connection) *connection {
	if c == nil {
		return nil
	}
	return &connection{ID: c.ID, UserID: c.UserID, Data: c.Data, Role: string(c.Role), CreatedAt: timeText(c.CreatedAt)}
}

type stream struct {
	ID         string      `json:"id"`
	Connection *connection `json:"connection"`
	Name       *string     `json:"name"`
	HasAudio   bool        `json:"hasAudio"`
	HasVideo   bool        `json:"hasVideo"`
	VideoType  string      `json:"videoType"`
	Width      *int64      `json:"width"`
	Height     *int64      `json:"height"`
	CreatedAt  string      `json:"createdAt"`
}

func fromStream(s *session.Stream) stream {
	return stream{ID: s.ID, Connection: fromConnection(s.Connection), Name: s.Name, HasAudio: s.HasAudio, HasVideo: s.HasVideo,
		VideoType: string(s.VideoType), Width: s.Width, Height: s.Height, CreatedAt: timeText(s.CreatedAt)}
}

type sessionRecord struct {
	ID        string  `json:"id"`
	MediaMode string  `json:"mediaMode"`
	CreatedAt string  `json:"createdAt"`
	Data      *string `json:"data"`
	SlowMode  int64   `json:"slowMode"` // seconds
	ReadOnly  bool    `json:"readOnly"`
}

func fromSession(s *session.Session) sessionRecord {
	return sessionRecord{ID: s.ID, MediaMode: string(s.MediaMode), CreatedAt: timeText(s.CreatedAt), Data: s.Data,
		SlowMode: int64(s.SlowMode / time.Second), ReadOnly: s.ReadOnly}
}
