package history

import (
	"fmt"
	"sync"
	"time"
	"unique"
)

// Recorder writes a History while it happens. Its methods, and those of what it returns, are safe for concurrent use.
type Recorder struct {
	began time.Time

	mu sync.Mutex
	h  History
}

// NewRecorder returns a Recorder whose history begins now.
func NewRecorder() *Recorder { return &Recorder{began: time.Now()} }

// Now is the history's time.
func (r *Recorder) Now() time.Duration { return time.Since(r.began) }

// History ends the recording, adds the log and returns what there is. Nothing may be recorded after it.
func (r *Recorder) History(log []Entry) *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Log = log
	return &r.h
}

// shared returns e with strings that equal entries share, since each is seen many times.
func (e Entry) shared() Entry {
	e.Sender, e.Body = unique.Make(e.Sender).Value(), unique.Make(e.Body).Value()
	return e
}

// RecordedAdd is an add under way.
type RecordedAdd struct {
	recorder *Recorder
	add      *Add
}

// Add records that sender is about to add an entry with a body that no other has.
func (r *Recorder) Add(sender, body string) RecordedAdd {
	now := r.Now()
	a := &Add{Body: unique.Make(body).Value(), Senders: []string{sender}, Began: now, Ended: Never}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Adds = append(r.h.Adds, a)
	return RecordedAdd{r, a}
}

// Retry records that sender, who may be another connection now, is about to try again.
func (a RecordedAdd) Retry(sender string) {
	a.recorder.mu.Lock()
	defer a.recorder.mu.Unlock()
	for _, s := range a.add.Senders {
		if s == sender {
			return
		}
	}
	a.add.Senders = append(a.add.Senders, sender)
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
}

// Subscriber records a reader that is about to subscribe after a number, or FromNow.
func (r *Recorder) Subscriber(name string, after int64) RecordedSubscriber {
	s := &Subscriber{Name: name, After: after, Began: r.Now()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Subscribers = append(r.h.Subscribers, s)
	return RecordedSubscriber{r, s}
}

// Saw records an entry that came.
func (s RecordedSubscriber) Saw(e Entry) {
	now := s.recorder.Now()
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.subscriber.Seen = append(s.subscriber.Seen, Sighting{e.shared(), now})
}

// Resumed records that the reader subscribed again after what it had.
func (s RecordedSubscriber) Resumed() {
	s.recorder.mu.Lock()
	defer s.recorder.mu.Unlock()
	s.subscriber.Resumes++
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

// Complete records that the reader was given the time to read all of the log.
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

// Missing returns how many signals the listener has yet to hear that must arrive.
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

// Complete records that the listener had the time to hear all that must arrive.
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

// There returns who is there by what the watcher saw.
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

// Presence records who is there in the end, and what each roster says that was asked for, by whom it was asked of.
func (r *Recorder) Presence(present []string, rosters map[string][]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Present, r.h.Rosters = present, rosters
}
