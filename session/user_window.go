package session

import (
	"strconv"
	"sync"
	"sync/atomic"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

// Limits of a userWindow.
const (
	userEvents = 64
	userBytes  = 32 << 10
)

// userWindows are the newest events of the users of a room whose devices follow them here. A user whom no device follows has no
// window, so its events cost nothing. It is safe for concurrent use.
type userWindows struct {
	budget *budget.Budget

	mu     sync.Mutex
	byUser map[string]*userWindow
}

// userWindow keeps the newest events of one user.
type userWindow struct {
	*sequence.Window[*UserEvent]
	name      string // no other window of the process has it
	followers int    // guarded by userWindows.mu
	place     int64  // of the newest mark; guarded by userWindows.mu
}

// userWindowCount numbers the windows of the process.
var userWindowCount atomic.Int64

func newUserWindows(b *budget.Budget) *userWindows {
	return &userWindows{budget: b, byUser: make(map[string]*userWindow)}
}

// follow returns a user's window, which is kept until leave is called once.
func (u *userWindows) follow(userID string) (w *userWindow, leave func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w = u.byUser[userID]
	if w == nil {
		w = &userWindow{name: "user " + strconv.FormatInt(userWindowCount.Add(1), 10),
			Window: sequence.NewWindow(u.budget, 0, userEvents, userBytes, (*UserEvent).bytes)}
		u.byUser[userID] = w
	}
	w.followers++
	return w, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if w.followers--; w.followers == 0 {
			delete(u.byUser, userID)
			w.Close()
		}
	}
}

// add tells of an event. A mark that is not ahead of the one before is dropped.
func (u *userWindows) add(e *UserEvent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.byUser[e.UserID]; w != nil {
		w.add(e)
	}
}

// added tells of the marks that come of posting: the author of an entry has read up to it.
func (u *userWindows) added(events []*LogEvent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.byUser) == 0 {
		return
	}
	for _, e := range events {
		if !e.Added() || e.Entry.UserID == nil {
			continue
		}
		if w := u.byUser[*e.Entry.UserID]; w != nil {
			w.add(&UserEvent{UserID: *e.Entry.UserID, Epoch: e.Entry.Epoch, Place: e.Place})
		}
	}
}

// add appends an event. userWindows.mu is held.
func (w *userWindow) add(e *UserEvent) {
	if e.Seq == 0 && e.Place <= w.place {
		return
	}
	w.place = max(w.place, e.Place)
	w.Append(e)
}
