package db

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"chattok/session"
)

// An import takes what a server could have written. Anything else would be found by the readers, long after, or by a counter that has no
// next number.

// maxExportNumber bounds numbers: all that count something stay far below, and any reader of JSON keeps them.
const maxExportNumber = 1 << 53

// maxStoredKeyBytes bounds an idempotency key as it is stored, after the user whose it is.
const maxStoredKeyBytes = session.MaxIdempotencyKeyBytes + session.MaxUserIDBytes + len(keyOfUser) + len("128:")

// textLengths are the most bytes that texts may have, by the kind of the line and the field.
var textLengths = map[string]map[string]int{
	"deletedSession": {"id": session.MaxNameBytes},
	"feedSession":    {"sessionId": session.MaxNameBytes},
	"feed":           {"sessionId": len(feedErasure) + session.MaxNameBytes},
	"session":        {"data": session.MaxSessionDataBytes, "serverConnection": session.MaxNameBytes, "mutedBy": session.MaxNameBytes},
	"connection":     {"id": session.MaxNameBytes, "userId": session.MaxUserIDBytes, "data": session.MaxDataBytes},
	"actor":          {"name": session.MaxBotNameBytes, "userId": session.MaxUserIDBytes, "connectionId": session.MaxNameBytes},
	"entry": {"connectionId": session.MaxNameBytes, "userId": session.MaxUserIDBytes, "body": session.MaxBodyBytes,
		"data": session.MaxEntryDataBytes, "idempotencyKey": session.MaxIdempotencyKeyBytes, "storedKey": maxStoredKeyBytes,
		"deletedBy": session.MaxNameBytes},
	"reaction":  {"userId": session.MaxUserIDBytes, "connectionId": session.MaxNameBytes, "name": session.MaxReactionNameBytes},
	"stream":    {"id": session.MaxNameBytes, "connectionId": session.MaxNameBytes, "name": session.MaxStreamNameBytes},
	"readMark":  {"userId": session.MaxUserIDBytes, "connectionId": session.MaxNameBytes},
	"ban":       {"id": session.MaxNameBytes, "userId": session.MaxUserIDBytes, "connectionId": session.MaxNameBytes, "moderatorId": session.MaxNameBytes},
	"changeKey": {"key": maxStoredKeyBytes, "usedFor": session.MaxNameBytes},
}

// keptFor is how long rows are kept at most, by the kind of their lines.
var keptFor = map[string]time.Duration{
	"feed": session.FeedKept, "connection": purgeAfter, "streamChange": purgeAfter, "changeKey": session.ChangeKeyTime,
	"readMark": session.ReadMarkTime + 7*24*time.Hour,
}

// boundPurge lowers the time at which a row is to be removed to the latest that this server would set now. The exported time is later
// where the exporting server's clock was ahead.
func (i *importing) boundPurge(k *exportKind, row []any) {
	if at := k.field("purgeAt"); at >= 0 && row[at] != nil {
		row[at] = min(row[at].(int64), i.now+keptFor[k.name].Milliseconds())
	}
}

// noteRevision notes a revision that a line of the session has.
func (i *importing) noteRevision(revision any) {
	if n, given := revision.(int64); given {
		i.at.revision = max(i.at.revision, n)
	}
}

func restoreFeed(i *importing, row []any) ([]any, error) {
	first, last, kind := row[0].(int64), row[1].(int64), row[3].(string)
	switch {
	case first < 1 || last < first:
		return nil, errors.New("feed.firstPlace must be 1 or more, and feed.lastPlace not before it")
	case !slices.Contains([]string{feedLog, feedRoster, feedCreated, feedDeleted, feedErased}, kind):
		return nil, errors.New("feed.kind must be log, roster, created, deleted or erased")
	}
	i.feedLast = max(i.feedLast, last)
	return nil, nil
}

// restoreFeedState takes the feed's last place, after which places go on, and then the place up to which readers are told that something
// is missing.
func restoreFeedState(i *importing, row []any) ([]any, error) {
	switch name, place := row[0].(string), row[1].(int64); {
	case name == feedEnd && place < i.feedLast:
		return nil, fmt.Errorf("feedState.place is %d, but the feed has place %d", place, i.feedLast)
	case name == feedEnd:
		i.feedEnd = place
	case name != feedTruncated:
		return nil, errors.New("feedState.name must be end or truncated")
	case place > i.feedEnd:
		return nil, fmt.Errorf("feedState.place is %d, but the feed ends at %d", place, i.feedEnd)
	}
	return nil, nil
}

func restoreStream(i *importing, row []any) ([]any, error) {
	s := streamRow{ID: row[0].(string), ConnectionID: row[1].(string), VideoType: row[5].(string)}
	s.Width, s.Height = numberOrNil(row[6]), numberOrNil(row[7])
	i.noteRevision(row[9])
	if err := s.valid(); err != nil {
		return nil, fmt.Errorf("stream.%w", err)
	}
	return nil, nil
}

func restoreStreamChange(i *importing, row []any) ([]any, error) {
	i.noteRevision(row[0])
	if err := validChange(row[1].(string)); err != nil {
		return nil, fmt.Errorf("streamChange.change%w", err)
	}
	return nil, nil
}

func restoreBan(_ *importing, row []any) ([]any, error) {
	created, until := row[5].(int64), row[6].(int64)
	if until < created || until-created > session.MaxBan.Milliseconds() {
		return nil, fmt.Errorf("ban.until must not be before ban.createdAt, nor more than %d days after it", session.MaxBan/(24*time.Hour))
	}
	return nil, nil
}

// numberOrNil returns a number that may be NULL.
func numberOrNil(value any) *int64 {
	if n, ok := value.(int64); ok {
		return &n
	}
	return nil
}

// validReactions says whether a text is one that fromReactions writes.
func validReactions(text string) bool {
	var pairs [][]any
	if err := json.Unmarshal([]byte(text), &pairs); err != nil || len(pairs) == 0 || len(pairs) > session.MaxReactionNames {
		return false
	}
	for _, pair := range pairs {
		if len(pair) != 2 {
			return false
		}
		name, isText := pair[0].(string)
		count, isNumber := pair[1].(float64)
		if !isText || !isNumber || len(name) > session.MaxReactionNameBytes || !storable(name) ||
			count < 1 || count > maxExportNumber || count != float64(int64(count)) {
			return false
		}
	}
	return true
}

// validChange checks the record of a change of streams, as recordChange writes it. Errors begin with the field, after a point.
func validChange(text string) error {
	var r changeRecord
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return fmt.Errorf(" is no change that this version of chattok knows: %w", err)
	}
	lacks := func(field string) error { return fmt.Errorf(".%s is needed for kind %s", field, r.Kind) }
	switch r.Kind {
	case session.StreamPublished, session.StreamChanged, session.StreamEnded:
		if r.Stream == nil {
			return lacks("stream")
		}
		if r.Kind == session.StreamEnded && r.Reason == "" {
			return lacks("reason")
		}
	case session.StreamsMuted, session.MuteEnded:
		if r.ModeratorID == "" {
			return lacks("moderatorId")
		}
	case connectionUpdated:
		if r.Connection == "" {
			return lacks("connectionId")
		}
	case sessionUpdated:
		if r.Settings == nil {
			return lacks("settings")
		}
	default:
		return fmt.Errorf(".kind %.40q is unknown", r.Kind)
	}
	return r.valid()
}

// valid checks the limits of a record's fields. Errors begin with the field, after a point.
func (r *changeRecord) valid() error {
	switch {
	case r.Reason != "" && !r.Reason.Valid():
		return fmt.Errorf(".reason %.40q is unknown", r.Reason)
	case r.Role != "" && !r.Role.Valid():
		return fmt.Errorf(".role %.40q is unknown", r.Role)
	case len(r.Except) > session.MaxMuteExcept:
		return fmt.Errorf(".except must have %d ids at most", session.MaxMuteExcept)
	}
	texts := []storedText{{"connectionId", &r.Connection, session.MaxNameBytes}, {"moderatorId", &r.ModeratorID, session.MaxNameBytes},
		{"data", r.Data, session.MaxDataBytes}}
	for i := range r.Except {
		texts = append(texts, storedText{"except", &r.Except[i], session.MaxNameBytes})
	}
	if r.Settings != nil {
		texts = append(texts, storedText{"settings.data", r.Settings.Data, session.MaxSessionDataBytes})
	}
	if err := validTexts(texts); err != nil {
		return fmt.Errorf(".%w", err)
	}
	if r.Stream != nil {
		if err := r.Stream.valid(); err != nil {
			return fmt.Errorf(".stream.%w", err)
		}
	}
	if r.Settings != nil {
		return r.Settings.valid()
	}
	return nil
}

// valid checks the limits of the settings. Errors begin with the field, after a point.
func (r *settingsRecord) valid() error {
	if r.SlowMode < 0 || r.SlowMode > session.MaxSlowMode.Milliseconds() {
		return fmt.Errorf(".settings.slowMode must be 0 to %d", session.MaxSlowMode.Milliseconds())
	}
	if r.Retention != nil && !validRetention(*r.Retention) {
		return errors.New(".settings.retention is none that a session can have")
	}
	return nil
}

// valid checks the limits of a stream's fields. Errors begin with the field.
func (r *streamRow) valid() error {
	width, height := r.Width, r.Height
	if err := validTexts([]storedText{{"id", &r.ID, session.MaxNameBytes}, {"connectionId", &r.ConnectionID, session.MaxNameBytes},
		{"name", r.Name, session.MaxStreamNameBytes}}); err != nil {
		return err
	}
	switch {
	case r.ID == "" || r.ConnectionID == "":
		return errors.New("id and connectionId must not be empty")
	case !session.VideoType(r.VideoType).Valid():
		return errors.New("videoType must be CAMERA, SCREEN or CUSTOM")
	case width != nil && (*width < 1 || *width > session.MaxDimension), height != nil && (*height < 1 || *height > session.MaxDimension):
		return fmt.Errorf("width and height must be 1 to %d", session.MaxDimension)
	case r.CreatedAt < 0 || r.CreatedAt > maxExportNumber || r.CreatedRevision < 0 || r.CreatedRevision > maxExportNumber:
		return errors.New("createdAt and createdRevision must be whole numbers that are not negative")
	}
	return nil
}

// storedText is a text that may be absent, and the most bytes that it may have.
type storedText struct {
	field string
	text  *string
	most  int
}

// validTexts checks texts. Errors begin with the field.
func validTexts(texts []storedText) error {
	for _, one := range texts {
		switch {
		case one.text == nil:
		case len(*one.text) > one.most:
			return fmt.Errorf("%s must be %d bytes at most", one.field, one.most)
		case !storable(*one.text):
			return fmt.Errorf("%s must have no U+0000", one.field)
		}
	}
	return nil
}
