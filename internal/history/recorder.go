package history

import (
	"fmt"
	"slices"
	"sync"
	"time"
	"unique"
)

// Recorder records a History while it happens. Its methods, and those of the values it returns, are safe for concurrent
// use.
type Recorder struct {
	began time.Time

	mu sync.Mutex
	h  History
}

// NewRecorder returns a Recorder whose history begins now.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Now returns the time in the history.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// History ends the recording, adds the log and its events, which may be nil, and returns the history. Nothing may be recorded
// after it.
func (r *Recorder) History(log []Entry, events []Event) *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Log, r.h.Events = log, events
	return &r.h
}

// shared returns e with strings that equal entries share, since each entry is seen many times.
func (e Entry) shared() Entry {
	e.Sender, e.Body, e.Reactions = unique.Make(e.Sender).Value(), unique.Make(e.Body).Value(), unique.Make(e.Reactions).Value()
	e.DeletedBy = unique.Make(e.DeletedBy).Value()
	return e
}

// RecordedAdd is an add in progress.
type RecordedAdd struct {
	recorder *Recorder
	add      *Add
}

// Add records that sender is about to add an entry with a body that no other has.
func (r *Recorder) Add(sender, body string) RecordedAdd {
	now := r.Now()
	a := &Add{Body: unique.Make(body).Value(), Senders: []string{sender}, Began: now, Tried: now, Ended: Never}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Adds = append(r.h.Adds, a)
	return RecordedAdd{r, a}
}

// Retry records that sender, which may be another connection now, is about to try again.
func (a RecordedAdd) Retry(sender string) {
	now := a.recorder.Now()
	a.recorder.mu.Lock()
	defer a.recorder.mu.Unlock()
	a.add.Tried = now
	if !slices.Contains(a.add.Senders, sender) {
		a.add.Senders = append(a.add.Senders, sender)
	}
}

// Answered records that the add was answered.
func (a RecordedAdd) Answered(e Entry) {
	now := a.recorder.Now()
	a.recorder.mu.Lock()
	defer a.recorder.mu.Unlock()
	a.add.Ended, a.add.Answer = now, e.shared()
}

// RecordedSubscriber is a subscriber that reads.
type RecordedSubscriber struct {
	recorder   *Recorder
	subscriber *Subscriber
	since      *time.Duration
}

// Subscriber records a reader that is about to subscribe after a number, or FromNow.
func (r *Recorder) Subscriber(name string, after int64) RecordedSubscriber {
	s := &Subscriber{Name: name, After: after, Began: r.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Subscribers = append(r.h.Subscribers, s)
	since := s.Began
	return RecordedSubscriber{r, s, &since}
}

// Saw records an entry that came.
func (s RecordedSubscriber) Saw(e Entry) {
	now := s.recorder.Now()
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.subscriber.Seen = append(s.subscriber.Seen, Sighting{e.shared(), now, *s.since})
}

// Resumes records that the reader is about to subscribe again after the last entry that it had.
func (s RecordedSubscriber) Resumes() {
	now := s.recorder.Now()
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.subscriber.Resumes++
	*s.since = now
}

// Last returns the number of the newest entry that came; 0 for none.
func (s RecordedSubscriber) Last() int64 {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	if n := len(s.subscriber.Seen); n > 0 {
		return s.subscriber.Seen[n-1].Seq
	}
	return 0
}

// Complete records that the reader had the time to read all of the log.
func (s RecordedSubscriber) Complete() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.subscriber.Complete = true
}

// Latest records an answered latestChatEntry that was asked at a time of Now; e is nil for null.
func (r *Recorder) Latest(sender string, asked time.Duration, e *Entry) {
	now := r.Now()
	if e != nil {
		shared := e.shared()
		e = &shared
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Latest = append(r.h.Latest, Latest{Sender: sender, Asked: asked, At: now, Entry: e})
}

// RecordedSignal is a signal that is being sent.
type RecordedSignal struct {
	recorder *Recorder
	signal   *Signal
}

// Signal records a signal that is about to be sent; its times are set here.
func (r *Recorder) Signal(s Signal) RecordedSignal {
	s.Asked, s.Ended = r.Now(), Never
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Signals = append(r.h.Signals, &s)
	return RecordedSignal{r, &s}
}

// Answered records that the signal was answered.
func (s RecordedSignal) Answered() {
	now := s.recorder.Now()
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.signal.Ended = now
}

// RecordedListener is a subscription to signals.
type RecordedListener struct {
	recorder *Recorder
	listener *Listener
}

// Listener records that connection is about to subscribe to signals.
func (r *Recorder) Listener(connection string) RecordedListener {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &Listener{Name: fmt.Sprintf("listener %d", len(r.h.Listeners)+1), Connection: connection}
	r.h.Listeners = append(r.h.Listeners, l)
	return RecordedListener{r, l}
}

// Heard records a signal that came.
func (l RecordedListener) Heard(g Hearing) {
	g.At = l.recorder.Now()
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.listener.Heard = append(l.listener.Heard, g)
}

// Missing returns how many of the signals that must arrive the listener has not received.
func (l RecordedListener) Missing() (n int) {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	heard := make(map[numbered]bool, len(l.listener.Heard))
	for _, g := range l.listener.Heard {
		heard[numbered{g.Sender, g.N}] = true
	}
	for _, s := range l.recorder.h.Signals {
		if s.mustReach(l.listener) && !heard[numbered{s.Sender, s.N}] {
			n++
		}
	}
	return n
}

// Complete records that the listener had the time to receive all signals that must arrive.
func (l RecordedListener) Complete() {
	l.recorder.mu.Lock()
	defer l.recorder.mu.Unlock()
	l.listener.Complete = true
}

// RecordedWatcher is a reader of presence.
type RecordedWatcher struct {
	recorder *Recorder
	watcher  *Watcher
}

// Watcher records a reader of presence.
func (r *Recorder) Watcher(name string) RecordedWatcher {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &Watcher{Name: name}
	r.h.Watchers = append(r.h.Watchers, w)
	return RecordedWatcher{r, w}
}

// Saw records a change that came.
func (w RecordedWatcher) Saw(c Change) {
	c.At = w.recorder.Now()
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	w.watcher.Changes = append(w.watcher.Changes, c)
}

// There returns the connections that are there, by the changes that the watcher saw.
func (w RecordedWatcher) There() map[string]bool {
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	there := map[string]bool{}
	for _, c := range w.watcher.Changes {
		switch c.Kind {
		case Snapshot:
			clear(there)
			for _, id := range c.State {
				there[id] = true
			}
		case Created:
			there[c.Connection] = true
		case Destroyed:
			delete(there, c.Connection)
		}
	}
	return there
}

// Complete records that the watcher had the time to converge.
func (w RecordedWatcher) Complete() {
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	w.watcher.Complete = true
}

// Presence records the connections that are there in the end, and the roster that each node returned.
func (r *Recorder) Presence(present []string, rosters map[string][]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Present, r.h.Rosters = present, rosters
}
