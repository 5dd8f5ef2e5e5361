package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// countingStore answers Entries from a log of so many entries, and counts.
type countingStore struct {
	Store
	length int64
	reads  atomic.Int64
	fail   atomic.Bool
}

func (s *countingStore) Entries(_ context.Context, q EntryQuery) ([]*ChatEntry, error) {
	s.reads.Add(1)
	if s.fail.Load() {
		return nil, Unavailable(errors.New("disk"))
	}
	var entries []*ChatEntry
	for seq := q.After + 1; seq <= s.length && seq < q.Before && len(entries) < q.Limit; seq++ {
		entries = append(entries, &ChatEntry{SessionID: q.SessionID, Seq: seq})
	}
	return entries, nil
}

// TestStormSharesReads has many readers read a whole log from different places: the store is read once a chunk.
func TestStormSharesReads(t *testing.T) {
	const chunks, readers = 20, 500
	store := &countingStore{length: chunks * ChunkEntries}
	c := newChunkCache(store, NewBudget(64<<20))
	sess := &Session{ID: "s"}
	var storm sync.WaitGroup
	for i := range readers {
		storm.Go(func() {
			for after := int64(i % 300); after < store.length; {
				entries, skip, err := c.read(t.Context(), sess, after)
				entries = entries[min(skip, len(entries)):]
				if err != nil || len(entries) == 0 || entries[0].Seq != after+1 {
					t.Errorf("after %d: %d entries, %v", after, len(entries), err)
					return
				}
				after = entries[len(entries)-1].Seq
			}
		})
	}
	storm.Wait()
	if got := store.reads.Load(); got != chunks {
		t.Errorf("%d reads of the store for %d readers, want %d", got, readers, chunks)
	}
}

func TestChunksAreBoundedAndFailuresForgotten(t *testing.T) {
	store := &countingStore{length: 10*ChunkEntries + 5}
	c := newChunkCache(store, NewBudget(int64(3*ChunkEntries*entryBytes(&ChatEntry{}))))
	sess := &Session{ID: "s"}
	read := func(chunk int64, want int) {
		t.Helper()
		if entries, _, err := c.read(t.Context(), sess, chunk*ChunkEntries); err != nil || len(entries) != want {
			t.Errorf("chunk %d: %d entries, %v", chunk, len(entries), err)
		}
	}
	for i := range int64(10) {
		read(i, ChunkEntries)
	}
	if len(c.chunks) != 3 || c.budget.Used() > c.budget.Limit() {
		t.Errorf("%d chunks kept, %d bytes of %d", len(c.chunks), c.budget.Used(), c.budget.Limit())
	}
	read(10, 5) // the log's end grows, so it is not kept
	store.length++
	read(10, 6)

	store.fail.Store(true)
	if _, _, err := c.read(t.Context(), sess, 0); CodeOf(err) != CodeUnavailable {
		t.Errorf("failing store: %v", err)
	}
	store.fail.Store(false)
	read(0, ChunkEntries)
}

// TestChunksThatCrowdEachOther fills a cache that has room for one chunk from many places at once, so that each chunk is
// evicted by the next as soon as it can be.
func TestChunksThatCrowdEachOther(t *testing.T) {
	const chunks, readers, rounds = 16, 16, 300
	store := &countingStore{length: chunks*ChunkEntries - 1} // the last chunk is not kept
	c := newChunkCache(store, NewBudget(1))
	var storm sync.WaitGroup
	for i := range readers {
		storm.Go(func() {
			for n := range rounds {
				number := int64((i*7 + n) % chunks)
				entries, _, err := c.read(t.Context(), &Session{ID: "s"}, number*ChunkEntries)
				if err != nil || len(entries) == 0 || entries[0].Seq != number*ChunkEntries+1 {
					t.Errorf("chunk %d: %d entries, %v", number, len(entries), err)
					return
				}
			}
		})
	}
	storm.Wait()
	c.budget.makeRoom() // what was passed by because the cache was locked
	if c.budget.Used() != 0 || len(c.chunks) != 0 {
		t.Errorf("%d bytes in %d chunks are left of a cache without room", c.budget.Used(), len(c.chunks))
	}
}
