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
