package session

import "context"

// Limits of a Feed: what it keeps of a log's live end while somebody follows it.
const (
	feedEvents = 1024
	feedBytes  = 4 << 20
)

// Feed is the live end of a session's log. A reader is a position in it: while it keeps up it reads the window, and
// where it falls behind, or begins in the past, it reads what is older from the Store in chunks that all readers share.
type Feed struct {
	session *Session
	window  *Window[*ChatEntry]
	older   *chunkCache
}

// newFeed makes the feed of a log that ends at head. It holds no entry yet: those before are read when somebody asks.
func newFeed(budget *Budget, s *Session, head int64, older *chunkCache) *Feed {
	return &Feed{session: s, older: older, window: NewWindow(budget, head, feedEvents, feedBytes, entryBytes)}
}

func entryBytes(e *ChatEntry) int { return len(e.Body) + 160 }

// Head returns the number of the newest entry; 0 for an empty log.
func (f *Feed) Head() int64 { return f.window.Newest() }

// Bounds, Read and Watch are the window's own; see Window.

func (f *Feed) Bounds() (oldest, newest int64) { return f.window.Bounds() }

func (f *Feed) Read(dst []*ChatEntry, after int64, limit int) (entries []*ChatEntry, gone bool) {
	return f.window.Read(dst, after, limit)
}

func (f *Feed) Watch(wake func()) (stop func()) { return f.window.Watch(wake) }

// Older returns the entries after this position up to the end of its chunk, ChunkEntries at most; at least one where
// the log goes on. Many readers that ask for the same chunk make one read of the Store. The log's last chunk, which no
// cache can keep as it grows, goes into the window. Errors: UNAVAILABLE.
func (f *Feed) Older(ctx context.Context, after int64) ([]*ChatEntry, error) {
	chunk, skip, err := f.older.read(ctx, f.session, after)
	if err != nil {
		return nil, err
	}
	if n := len(chunk); n > 0 && n < ChunkEntries {
		oldest, _ := f.window.Bounds()
		if first := chunk[0].Seq; first < oldest && oldest-first <= int64(n) {
			f.window.Prepend(oldest-1, chunk[:oldest-first])
		}
	}
	return chunk[min(skip, len(chunk)):], nil
}

// extend appends the entries that the feed lacks. gap says that some before them are missing; then nothing is appended.
// Calls must not overlap.
func (f *Feed) extend(entries []*ChatEntry) (gap bool) {
	head := f.Head()
	for len(entries) > 0 && entries[0].Seq <= head {
		entries = entries[1:]
	}
	if len(entries) == 0 {
		return false
	}
	if entries[0].Seq != head+1 {
		return true
	}
	f.window.Append(entries...)
	return false
}
