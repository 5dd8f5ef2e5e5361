package session

import (
	"fmt"
	"sync"
	"testing"

	"chattok/internal/budget"
)

// disorder tells of an older version of an entry that comes after a newer one in these events; "" where none does.
func disorder(events []*LogEvent) string {
	newest := make(map[int64]int64)
	for _, e := range events {
		if e == nil {
			continue
		}
		if e.Entry.Version < newest[e.Entry.Seq] {
			return fmt.Sprintf("at %d version %d of entry %d comes after version %d", e.Place, e.Entry.Version, e.Entry.Seq, newest[e.Entry.Seq])
		}
		newest[e.Entry.Seq] = e.Entry.Version
	}
	return ""
}

// TestChangesInTheWindow: a change takes effect at several places of the window, one after the other; a reader that comes in between gets
// no older version after a newer one.
func TestChangesInTheWindow(t *testing.T) {
	b := budget.New(0)
	for range 20 {
		log := &memoryLog{}
		f := newLogFeed(log, b, &Session{ID: "s"}, 0, newLogChunks(log, b))
		f.extend(log.add())
		done := make(chan struct{})
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for {
					events, _ := f.Read(nil, 0, feedEvents)
					if fault := disorder(events); fault != "" {
						t.Error(fault)
						return
					}
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for range 500 {
			f.extend(log.change(1))
		}
		close(done)
		readers.Wait()
		f.close()
	}
}

// TestChunkBeforeAnotherOne: a reader that got an entry from the Store in a version that the feed does not have yet gets no older one from
// a chunk that was read before.
func TestChunkBeforeAnotherOne(t *testing.T) {
	log, b := &memoryLog{}, budget.New(0)
	for range 200 {
		log.add()
	}
	log.change(1) // version 2, at 201
	for range 99 {
		log.add()
	}
	f := newLogFeed(log, b, &Session{ID: "s"}, 300, newLogChunks(log, b))
	defer f.close()
	if _, _, err := f.Older(t.Context(), 200); err != nil { // another reader has its chunk read, which is kept
		t.Fatal(err)
	}
	log.change(1) // version 3, at 301, of which the feed has not heard
	var got []*LogEvent
	for at := int64(0); at < 300; {
		events, next := f.next(t, at)
		got, at = append(got, events...), next
	}
	if first := got[0]; first.Entry.Version != 3 {
		t.Fatalf("the entry is read in version %d, want 3", first.Entry.Version)
	}
	if fault := disorder(got); fault != "" {
		t.Error(fault)
	}
}
