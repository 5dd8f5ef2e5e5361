package history

import (
	"slices"
	"time"
)

// RecordedChange is a change of an entry in progress.
type RecordedChange struct {
	recorder *Recorder
	change   *EntryChange
}

// EntryChange records that the one actor of c is about to change an entry; the times are set here.
func (r *Recorder) EntryChange(c EntryChange) RecordedChange {
	now := r.Now()
	c.Began, c.Tried, c.Ended = now, now, Never
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.EntryChanges = append(r.h.EntryChanges, &c)
	return RecordedChange{r, &c}
}

// Retry records that an actor, which may be another now, is about to try again; it is empty where it is not known.
func (c RecordedChange) Retry(actor string) {
	now := c.recorder.Now()
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.change.Tried = now
	if actor != "" && !slices.Contains(c.change.Actors, actor) {
		c.change.Actors = append(c.change.Actors, actor)
	}
}

// Answered records that the change was answered.
func (c RecordedChange) Answered(e Entry) {
	now := c.recorder.Now()
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.change.Ended, c.change.Answer = now, e.shared()
}

// RecordedLogReader is a reader of logEvents.
type RecordedLogReader struct {
	recorder *Recorder
	reader   *LogReader
	since    *time.Duration
}

// LogReader records a reader that is about to subscribe to logEvents after a place, or FromNow.
func (r *Recorder) LogReader(name string, after int64) RecordedLogReader {
	return r.logReader(&LogReader{Name: name, After: after})
}

// PageReader records a reader that is about to subscribe to logEvents after the lastCursor of a page.
func (r *Recorder) PageReader(name string, page *Page) RecordedLogReader {
	return r.logReader(&LogReader{Name: name, After: page.Last, Page: page})
}

func (r *Recorder) logReader(reader *LogReader) RecordedLogReader {
	reader.Began = r.Now()
	since := reader.Began
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.LogReaders = append(r.h.LogReaders, reader)
	return RecordedLogReader{r, reader, &since}
}

// Saw records an event that came.
func (l RecordedLogReader) Saw(e Event) {
	now := l.recorder.Now()
	e.Entry = e.Entry.shared()
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.reader.Seen = append(l.reader.Seen, EventSighting{e, now, *l.since})
}

// Quoted records an entry that came within an event, as the one that its entry answers. It counts as a read that began with the reader's
// subscription.
func (l RecordedLogReader) Quoted(e Entry) { l.recorder.quoted(e, l.since) }

// Quoted is RecordedLogReader's.
func (s RecordedSubscriber) Quoted(e Entry) { s.recorder.quoted(e, s.since) }

func (r *Recorder) quoted(e Entry, since *time.Duration) {
	r.mu.Lock()
	asked := *since
	r.mu.Unlock()
	r.Read(e.Seq, asked, &e)
}

// Resumes records that the reader is about to subscribe again after the last place that it had.
func (l RecordedLogReader) Resumes() {
	now := l.recorder.Now()
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.reader.Resumes++
	*l.since = now
}

// Last returns the newest place that came, or that the reader began after.
func (l RecordedLogReader) Last() int64 {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	if n := len(l.reader.Seen); n > 0 {
		return l.reader.Seen[n-1].Place
	}
	return l.reader.After
}

// Complete records that the reader had the time to read all of the log.
func (l RecordedLogReader) Complete() {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.reader.Complete = true
}

// Page records an answered chatEntries that was asked for at a time of Now. newest says that it was asked for the end of the log.
func (r *Recorder) Page(asked time.Duration, entries []Entry, newest bool, last int64) *Page {
	p := &Page{Asked: asked, At: r.Now(), Newest: newest, Last: last}
	for _, e := range entries {
		p.Entries = append(p.Entries, e.shared())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Pages = append(r.h.Pages, p)
	return p
}

// Read records an answered chatEntry that was asked for at a time of Now; e is nil for null.
func (r *Recorder) Read(seq int64, asked time.Duration, e *Entry) {
	now := r.Now()
	if e != nil {
		shared := e.shared()
		e = &shared
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Reads = append(r.h.Reads, Read{Seq: seq, Asked: asked, At: now, Entry: e})
}
