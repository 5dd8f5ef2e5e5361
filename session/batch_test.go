package session

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

func TestBatchGathersWhoWaits(t *testing.T) {
	release := make(chan struct{})
	var groups [][]int
	b := newBatch(4, 16, func(group []int) []int {
		<-release
		groups = append(groups, append([]int(nil), group...))
		doubled := make([]int, len(group))
		for i, n := range group {
			doubled[i] = 2 * n
		}
		return doubled
	})
	var callers sync.WaitGroup
	for i := range 9 {
		callers.Go(func() {
			if got, err := b.do(t.Context(), i); got != 2*i || err != nil {
				t.Errorf("%d: %d %v", i, got, err)
			}
		})
	}
	for len(b.queue) < 9 {
		runtime.Gosched()
	}
	done := make(chan struct{})
	go func() { b.run(); close(done) }()
	close(release)
	callers.Wait()
	b.close()
	<-done
	sizes := []int{}
	for _, g := range groups {
		sizes = append(sizes, len(g))
	}
	if len(sizes) != 3 || sizes[0] != 4 || sizes[1] != 4 || sizes[2] != 1 {
		t.Errorf("groups of %v, want 4, 4, 1", sizes)
	}
	if _, err := b.do(t.Context(), 1); CodeOf(err) != CodeUnavailable {
		t.Errorf("after close: %v", err)
	}
}

func TestBatchRefusesWhenFull(t *testing.T) {
	b := newBatch(4, 2, func(group []int) []int { return group })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 { // callers that gave up leave their items
		if _, err := b.do(gone, 1); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := b.do(t.Context(), 1); CodeOf(err) != CodeUnavailable {
		t.Errorf("a full queue: %v", err)
	}
	b.close()
	b.run() // and they are committed all the same
	if len(b.queue) != 0 {
		t.Error("items were left")
	}
}

// In a crowd a group takes in a caller that has not queued yet but can run; else it waits for nobody.
func TestBatchLetsCrowdIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that the other caller runs only where it is let
	gathered := func(crowded bool) int {
		b := newBatch(4, 16, func(group []int) []int { return group })
		queued := make(chan struct{})
		go func() {
			defer close(queued)
			if err := b.enqueue(batchItem[int, int]{item: 2}); err != nil {
				t.Error(err)
			}
		}()
		n := len(b.gather([]batchItem[int, int]{{item: 1}}, crowded))
		<-queued
		return n
	}
	tries, joined := 0, 0
	for ; tries < 1000 && joined == 0; tries++ { // the scheduler may prefer this goroutine once in a while
		if gathered(true) == 2 {
			joined++
		}
	}
	if joined == 0 {
		t.Errorf("nobody was let in, in %d tries", tries)
	}
	late := 0
	for range 100 {
		late += gathered(false) - 1
	}
	if late > 50 { // those that a preemption let in
		t.Errorf("without a crowd, %d of 100 groups waited", late)
	}
}
