//go:build unix

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"chattok/internal/history"
)

const feedOperation = `subscription($a:String){feed(after:$a){id cursor sessionId event{__typename ...on EntryAdded{entry{` + entryFields +
	`} cursor} ...on EntryChanged{entry{` + entryFields + `} change cursor}}}}`

// feedVerdict names the verdict about the readers of the feed among those about sessions.
const feedVerdict = "the feed"

// feedReaders is how many readers of the feed there are.
const feedReaders = 2

// feedEvent is an event of the feed.
type feedEvent struct {
	ID, Cursor, SessionID string
	Event                 logEvent // Entry, Change and Cursor are set for an event of a log
}

// feedReader follows the feed of all sessions over Server-Sent Events, on one node after another, by the API secret.
type feedReader struct {
	world  *world
	name   string
	client *http.Client
	random *rand.Rand
	seen   history.RecordedFeedReader
	logs   map[string]history.RecordedLogReader // by session
	cursor string                               // of the latest event
}

func newFeedReader(w *world, i int, seed uint64) *feedReader {
	f := &feedReader{world: w, name: fmt.Sprint("feed ", i), client: &http.Client{Transport: &http.Transport{}}, cursor: "0",
		random: rand.New(rand.NewPCG(seed, uint64(i))), logs: make(map[string]history.RecordedLogReader)}
	f.seen = w.fed.FeedReader(f.name)
	for _, r := range w.rooms {
		f.logs[r.id] = r.recorder.LogReader(f.name, 0).OfFeed()
	}
	return f
}

// follow reads on one node after another until ctx is done.
func (f *feedReader) follow(ctx context.Context) {
	defer f.client.CloseIdleConnections()
	for ctx.Err() == nil {
		visit, leave := context.WithTimeout(ctx, 2*time.Second+rand.N(8*time.Second))
		if err := f.read(visit, f.world.nodes[f.random.IntN(len(f.world.nodes))]); err != nil && !passing(err) {
			f.world.fault("%s: %v", f.name, err)
		}
		leave()
		pause(ctx, 300*time.Millisecond)
	}
}

// read reads from one node until the stream ends.
func (f *feedReader) read(ctx context.Context, node string) error {
	variables, lastID := map[string]any{"a": f.cursor}, ""
	if f.cursor != "0" {
		f.seen.Resumes()
		if f.random.IntN(2) == 0 {
			variables, lastID = nil, f.cursor
		}
	}
	return listen(ctx, f.client, node, feedOperation, variables, lastID, func(data []byte) error {
		answer, err := eventOf[struct{ Feed *feedEvent }](data)
		if err == nil {
			f.take(answer.Feed)
		}
		return err
	})
}

// take records an event.
func (f *feedReader) take(e *feedEvent) {
	f.seen.Saw(e.Cursor, e.ID, e.SessionID)
	f.cursor = e.Cursor
	if log, ok := f.logs[e.SessionID]; ok && e.Event.Cursor != "" {
		log.Saw(e.Event.recorded())
	}
}

// feedBehind returns an error where a reader of the feed has not come to its end.
func (w *world) feedBehind(r *room, end int64) error {
	for _, f := range w.feeds {
		if last := f.logs[r.id].Last(); last < end {
			return fmt.Errorf("%s has the log up to %d of %d", f.name, last, end)
		}
	}
	return nil
}

// completeFeeds waits until every reader of the feed has what one of them has, and records that they had the time for it.
func (w *world) completeFeeds(ctx context.Context) {
	through := int64(0)
	for _, f := range w.feeds {
		through = max(through, f.seen.Last())
	}
	behind := func(f *feedReader) bool { return f.seen.Last() < through }
	for deadline := time.Now().Add(convergeTimeout); slices.ContainsFunc(w.feeds, behind) && time.Now().Before(deadline) && ctx.Err() == nil; {
		pause(ctx, 50*time.Millisecond)
	}
	for _, f := range w.feeds {
		f.seen.Complete(through)
		for _, log := range f.logs {
			log.Complete()
		}
	}
}
