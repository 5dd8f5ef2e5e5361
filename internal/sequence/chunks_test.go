package sequence

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"chattok/internal/budget"
)

var errDisk = errors.New("the disk fails")

// pastOf is a sequence of so many events, each its own position, that counts how often it is read.
type pastOf struct {
	length int64
	reads  atomic.Int64
	fail   atomic.Bool
}

func (p *pastOf) read(_ context.Context, _ string, after, before int64) (events []int64, err error) {
	p.reads.Add(1)
	if p.fail.Load() {
		return nil, errDisk
	}
	for position := after + 1; position <= p.length && position < before; position++ {
		events = append(events, position)
	}
	return events, nil
}

const eventBytes = 160

func newTestChunks(p *pastOf, limit int64) *Chunks[string, int64] {
	return NewChunks(budget.New(limit), func(int64) int { return eventBytes }, p.read)
}

// TestManyReadersShareReads: many readers that read a whole sequence from different positions read each chunk once.
func TestManyReadersShareReads(t *testing.T) {
	const chunks, readers = 20, 500
	past := &pastOf{length: chunks * ChunkSize}
	c := newTestChunks(past, 64<<20)
	var storm sync.WaitGroup
	for i := range readers {
		storm.Go(func() {
			for after := int64(i % 300); after < past.length; {
				events, skip, err := c.Read(t.Context(), "s", after)
				events = events[min(skip, len(events)):]
				if err != nil || len(events) == 0 || events[0] != after+1 {
					t.Errorf("after %d: %d events, %v", after, len(events), err)
					return
				}
				after = events[len(events)-1]
			}
		})
	}
	storm.Wait()
	if got := past.reads.Load(); got != chunks || c.Reads() != chunks {
		t.Errorf("%d reads for %d readers, %d by Reads, want %d", got, readers, c.Reads(), chunks)
	}
}

// TestChunksAreBoundedAndFailuresForgotten: as many chunks are kept as the Budget has room for; the sequence's end and a
// failed read are not kept.
func TestChunksAreBoundedAndFailuresForgotten(t *testing.T) {
	past := &pastOf{length: 10*ChunkSize + 5}
	c := newTestChunks(past, 3*ChunkSize*eventBytes)
	read := func(chunk int64, want int) {
		t.Helper()
		if events, _, err := c.Read(t.Context(), "s", chunk*ChunkSize); err != nil || len(events) != want {
			t.Errorf("chunk %d: %d events, %v", chunk, len(events), err)
		}
	}
	for i := range int64(10) {
		read(i, ChunkSize)
	}
	if len(c.sequences["s"]) != 3 || c.budget.Used() > c.budget.Limit() {
		t.Errorf("%d chunks kept, %d bytes of %d", len(c.sequences["s"]), c.budget.Used(), c.budget.Limit())
	}
	read(10, 5)
	past.length++
	read(10, 6)

	past.fail.Store(true)
	if _, _, err := c.Read(t.Context(), "s", 0); err != errDisk {
		t.Errorf("a failing read: %v", err)
	}
	past.fail.Store(false)
	read(0, ChunkSize)
}

// TestChunksThatCrowdEachOther: where there is room for no chunk, each gives way as soon as it has been read, and no byte
// stays counted.
func TestChunksThatCrowdEachOther(t *testing.T) {
	const chunks, readers, rounds = 16, 16, 300
	past := &pastOf{length: chunks*ChunkSize - 1} // the last chunk is not kept
	c := newTestChunks(past, 1)
	var storm sync.WaitGroup
	for i := range readers {
		storm.Go(func() {
			for n := range rounds {
				number := int64((i*7 + n) % chunks)
				events, _, err := c.Read(t.Context(), "s", number*ChunkSize)
				if err != nil || len(events) == 0 || events[0] != number*ChunkSize+1 {
					t.Errorf("chunk %d: %d events, %v", number, len(events), err)
					return
				}
			}
		})
	}
	storm.Wait()
	c.budget.Reserve(1) // what was passed by because Chunks was locked gives way now
	c.budget.Reserve(-1)
	if c.budget.Used() != 0 || len(c.sequences) != 0 {
		t.Errorf("%d bytes in %d chunks are left where there is room for none", c.budget.Used(), len(c.sequences))
	}
}

// TestDropOfAChunk: a chunk that was dropped is read anew. One that is dropped while it is being read is for those alone who asked
// before, and is not kept.
func TestDropOfAChunk(t *testing.T) {
	begun, goOn := make(chan int), make(chan struct{})
	version := 0
	c := NewChunks(budget.New(0), func(int) int { return eventBytes }, func(context.Context, string, int64, int64) ([]int, error) {
		version++
		events := make([]int, ChunkSize)
		for i := range events {
			events[i] = version
		}
		begun <- version
		<-goOn
		return events, nil
	})
	read := func(after int64) <-chan int {
		got := make(chan int, 1)
		go func() {
			events, _, err := c.Read(t.Context(), "s", after)
			if err != nil || len(events) != ChunkSize {
				t.Errorf("%d events, %v", len(events), err)
			}
			got <- events[0]
		}()
		return got
	}
	before := read(0)
	<-begun
	c.Drop("s", ChunkSize) // the last of the chunk
	after := read(5)
	if v := <-begun; v != 2 {
		t.Fatalf("read %d is under way, want the second", v)
	}
	goOn <- struct{}{}
	goOn <- struct{}{}
	if a, b := <-before, <-after; a != 1 || b != 2 {
		t.Errorf("who asked before the drop got %d, who asked after it %d", a, b)
	}
	if got := <-read(7); got != 2 {
		t.Errorf("version %d is kept", got)
	}
	c.Drop("s", ChunkSize+1) // in the next chunk
	c.Drop("other", 1)
	if got := <-read(7); got != 2 {
		t.Errorf("version %d after another chunk was dropped", got)
	}
	c.DropAll("s")
	if len(c.sequences) != 0 || c.budget.Used() != 0 {
		t.Errorf("%d sequences and %d bytes are left", len(c.sequences), c.budget.Used())
	}
}

// TestSome: a reader takes a bounded part of a chunk, at least an event, and keeps nothing of the rest.
func TestSome(t *testing.T) {
	size := func(n int) int { return n }
	for _, c := range []struct {
		events []int
		want   int
	}{
		{nil, 0},
		{[]int{1, 2, 3}, 3},
		{[]int{someBytes / 2, someBytes / 2, 1}, 2},
		{[]int{2 * someBytes, 1}, 1},
		{[]int{0, 2 * someBytes}, 1},
		{[]int{2 * someBytes}, 1},
	} {
		got := Some(c.events, size)
		if len(got) != c.want || !slices.Equal(got, c.events[:len(got)]) {
			t.Errorf("of %v: %v, want the first %d", c.events, got, c.want)
		}
		if len(got) < len(c.events) && &got[0] == &c.events[0] {
			t.Errorf("of %v: the rest is kept", c.events)
		}
	}
}
