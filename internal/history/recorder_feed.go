package history

import (
	"encoding/base64"
	"encoding/binary"
)

// RecordedFeedReader is a reader of the feed.
type RecordedFeedReader struct {
	recorder *Recorder
	reader   *FeedReader
}

// FeedReader records a reader that is about to read the feed from its beginning.
func (r *Recorder) FeedReader(name string) RecordedFeedReader {
	reader := &FeedReader{Name: name}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Feed = append(r.h.Feed, reader)
	return RecordedFeedReader{r, reader}
}

// Saw records an event that came, with its cursor and its id.
func (f RecordedFeedReader) Saw(cursor, id, session string) {
	s := FeedSighting{Place: Place(cursor), ID: id, Session: session}
	s.Kind, s.Number = feedNumber(id)
	f.recorder.mu.Lock()
	defer f.recorder.mu.Unlock()
	f.reader.Seen = append(f.reader.Seen, s)
}

// feedNumber returns what the id of an event says. It knows how a server writes ids, as Place does of cursors.
func feedNumber(id string) (FeedKind, int64) {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) < 10 {
		return -1, -1
	}
	number, _ := binary.Uvarint(b[9:])
	return FeedKind(b[0]) - 0x11, int64(number)
}

// Resumes records that the reader is about to go on after the last event that it had.
func (f RecordedFeedReader) Resumes() {
	f.recorder.mu.Lock()
	defer f.recorder.mu.Unlock()
	f.reader.Resumes++
}

// Last returns the place of the newest event that came; 0 for none.
func (f RecordedFeedReader) Last() int64 {
	f.recorder.mu.Lock()
	defer f.recorder.mu.Unlock()
	if n := len(f.reader.Seen); n > 0 {
		return f.reader.Seen[n-1].Place
	}
	return 0
}

// Complete records that the reader had the time to read everything up to a place.
func (f RecordedFeedReader) Complete(through int64) {
	f.recorder.mu.Lock()
	defer f.recorder.mu.Unlock()
	f.reader.Complete, f.reader.Through = true, through
}

// OfFeed makes a reader of the log one that has its events by the feed, which may lag: what it is shown may be as old as the events
// before it, however late it began.
func (l RecordedLogReader) OfFeed() RecordedLogReader {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	*l.since, l.reader.Lags = 0, true
	return l
}
