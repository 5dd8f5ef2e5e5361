package db_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chattok/db"
	"chattok/internal/need"
	"chattok/session"
)

// Many goroutines write and read at once, and a second server tries to open the file. No call fails, and every entry is
// stored once, at the number that it was answered with.
func TestManyWriters(t *testing.T) {
	need.Time(t, "many writers")
	const writers, each, size, readers = 64, 50, 5, 16
	path := newPath(t)
	store := mustOpen(t, db.Config{Path: path})
	connect(t, store, "a", "a1")
	var writing, reading sync.WaitGroup
	var answered [writers * each]atomic.Int64
	stored := make(chan struct{}, readers) // wakes readers that have read everything
	for w := range writers {
		writing.Go(func() {
			for first := w * each; first < (w+1)*each; first += size {
				var group []session.NewEntry
				for n := first; n < first+size; n++ {
					group = append(group, session.NewEntry{
						SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(n), IdempotencyKey: fmt.Sprint("key ", n),
					})
				}
				for i, r := range store.AppendEntries(t.Context(), group) {
					if r.Err != nil || r.Replayed {
						t.Errorf("entry %d: %+v", first+i, r)
						return
					}
					answered[first+i].Store(r.Entry.Seq)
				}
				select {
				case stored <- struct{}{}:
				default:
				}
			}
		})
	}
	done := make(chan struct{})
	for range readers {
		reading.Go(func() {
			for after := int64(0); ; {
				var last bool
				select {
				case <-done:
					last = true // nothing is stored after this read
				default:
				}
				entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", After: after, Limit: session.MaxPage})
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				for _, e := range entries {
					if after++; e.Seq != after {
						t.Errorf("entry %d comes where %d is due", e.Seq, after)
						return
					}
				}
				switch {
				case len(entries) > 0:
				case last:
					if after != writers*each {
						t.Errorf("read %d entries, want %d", after, writers*each)
					}
					return
				default:
					select {
					case <-stored:
					case <-done:
					}
				}
			}
		})
	}
	if _, err := db.Open(t.Context(), db.Config{Path: path, LockWait: time.Millisecond}); err == nil {
		t.Error("a second server opened the database")
	} else {
		wantText(t, err.Error(), path)
	}
	writing.Wait()
	close(done)
	reading.Wait()
	entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", Limit: 2 * writers * each})
	if err != nil || len(entries) != writers*each {
		t.Fatalf("stored %d entries, want %d: %v", len(entries), writers*each, err)
	}
	for n := range answered {
		seq := answered[n].Load()
		if seq < 1 || seq > int64(len(entries)) || entries[seq-1].Body != fmt.Sprint(n) {
			t.Fatalf("entry %d is not at its number %d", n, seq)
		}
	}
}

// A third of many callers give up. Their entries are stored once or not at all, and the other entries are not affected.
func TestCancelledCallers(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		const callers = 200
		store := mustOpen(t, db.Config{Path: path})
		connect(t, store, "a", "a1")
		random := rand.New(rand.NewPCG(1, 2))
		var all sync.WaitGroup
		var answered [callers]int64
		for i := range callers {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if i%3 == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
			}
			all.Go(func() {
				defer cancel()
				r := store.AppendEntries(ctx, []session.NewEntry{{
					SessionID: "a", ConnectionID: "a1", Body: fmt.Sprint(i), IdempotencyKey: fmt.Sprint(i),
				}})[0]
				switch {
				case r.Err == nil:
					answered[i] = r.Entry.Seq
				case i%3 != 0:
					t.Errorf("caller %d stayed, but: %v", i, r.Err)
				case session.CodeOf(r.Err) != session.CodeUnavailable || !errors.Is(r.Err, context.DeadlineExceeded):
					t.Errorf("caller %d went away: %v", i, r.Err)
				}
			})
		}
		all.Wait()
		for i := range callers { // the retries
			r := post(t, store, "a1", fmt.Sprint(i), fmt.Sprint(i))
			if r.Err != nil || answered[i] != 0 && (r.Entry.Seq != answered[i] || !r.Replayed) {
				t.Errorf("caller %d had number %d, and tries again: %+v", i, answered[i], r)
			}
		}
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", Limit: 2 * callers})
		if err != nil || len(entries) != callers || entries[callers-1].Seq != callers {
			t.Fatalf("stored %d entries, want %d without a hole: %v", len(entries), callers, err)
		}
	})
}

// A number is never given twice, not even after the newest entry was removed.
func TestNumbersOnlyGrow(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		store := mustOpen(t, db.Config{Path: path})
		connect(t, store, "a", "a1")
		for range 3 {
			mustPost(t, store, "a1", "x", "")
		}
		rawExec(t, path, "DELETE FROM entries WHERE session_id = 'a' AND seq = 3")
		if seq := mustPost(t, store, "a1", "y", ""); seq != 4 {
			t.Fatalf("the next number is %d, want 4", seq)
		}
		entries, err := store.Entries(t.Context(), session.EntryQuery{SessionID: "a", After: 3, Limit: 5})
		if err != nil || len(entries) != 1 || entries[0].Body != "y" {
			t.Fatalf("after 3: %v, %v", entries, err)
		}
	})
}

// A caller that gives up within the transaction, when the store reads its clock, does not abort it.
func TestCancelledWithinTransaction(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		leave := func() {}
		store := mustOpen(t, db.Config{Path: path, ClockOffset: func() time.Duration {
			leave()
			return 0
		}})
		connect(t, store, "a", "a1", "a2")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		leave = cancel
		for i, r := range store.AppendEntries(ctx, []session.NewEntry{
			{SessionID: "a", ConnectionID: "a1", Body: "x"}, {SessionID: "a", ConnectionID: "a2", Body: "y"},
		}) {
			if r.Err != nil || r.Entry.Seq != int64(i)+1 {
				t.Errorf("entry %d: %+v", i, r)
			}
		}
		if ctx.Err() == nil {
			t.Fatal("the caller stayed")
		}
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		leave = cancel
		if _, err := store.DestroyConnection(ctx, "a1", "", session.ClientDisconnected); err != nil || ctx.Err() == nil {
			t.Errorf("destroy: %v, caller: %v", err, ctx.Err())
		}
	})
}

// A sender that one process has found live is refused as soon as this process or another one has ended it. So is a
// sender of a session that was removed and created again.
func TestSenderEndedElsewhere(t *testing.T) {
	for name, newDatabase := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := newDatabase(t)
			here := mustOpen(t, db.Config{Path: path})
			there := here
			if name == "PostgreSQL" {
				there = mustOpen(t, db.Config{Path: path})
			}
			connect(t, here, "a", "a1", "a2", "a3")
			for _, id := range []string{"a1", "a2", "a1", "a2"} {
				mustPost(t, here, id, "hi", "")
			}
			if _, err := there.DestroyConnection(t.Context(), "a1", "", session.ForceDisconnected); err != nil {
				t.Fatal(err)
			}
			var got []session.Code
			for _, r := range here.AppendEntries(t.Context(), []session.NewEntry{
				{SessionID: "a", ConnectionID: "a2", Body: "x"}, {SessionID: "a", ConnectionID: "a1", Body: "x"},
				{SessionID: "a", ConnectionID: "a3", Body: "x"}, {SessionID: session.Lobby, ConnectionID: "a2", Body: "x"},
				{SessionID: session.Lobby, ConnectionID: "a2", Guest: true, Body: "x"},
			}) {
				got = append(got, session.CodeOf(r.Err))
			}
			const refused = session.CodeUnauthenticated
			if want := []session.Code{"", refused, "", refused, refused}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
