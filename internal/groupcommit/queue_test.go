package groupcommit

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestQueueCommitsInGroups: the writes that arrive during a commit are committed together, up to the limit.
func TestQueueCommitsInGroups(t *testing.T) {
	release := make(chan struct{})
	var sizes []int
	q := NewQueue(4, 16, func(group []int) []int {
		<-release
		sizes = append(sizes, len(group))
		doubled := make([]int, len(group))
		for i, n := range group {
			doubled[i] = 2 * n
		}
		return doubled
	})
	var callers sync.WaitGroup
	for i := range 9 {
		callers.Go(func() {
			if got, err := q.Do(t.Context(), i); got != 2*i || err != nil {
				t.Errorf("%d: %d %v", i, got, err)
			}
		})
	}
	for q.Waiting() < 9 {
		runtime.Gosched()
	}
	done := make(chan struct{})
	go func() { q.Run(); close(done) }()
	close(release)
	callers.Wait()
	q.Close()
	<-done
	if !slices.Equal(sizes, []int{4, 4, 1}) {
		t.Errorf("groups of %v, want 4, 4, 1", sizes)
	}
	if _, err := q.Do(t.Context(), 1); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// TestQueueRefusesWhenFull: a full queue refuses writes, and commits those of callers that gave up.
func TestQueueRefusesWhenFull(t *testing.T) {
	committed := 0
	q := NewQueue(4, 2, func(group []int) []int { committed += len(group); return group })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if _, err := q.Do(gone, 1); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := q.Do(t.Context(), 1); err != ErrFull {
		t.Errorf("a full queue: %v", err)
	}
	q.Close()
	q.Run()
	if committed != 2 || q.Waiting() != 0 {
		t.Errorf("%d writes were committed, %d are left", committed, q.Waiting())
	}
}

// TestQueueBegin: writes that one caller begins are committed in order, and their results come later.
func TestQueueBegin(t *testing.T) {
	var committed []int
	q := NewQueue(4, 16, func(group []int) []int {
		committed = append(committed, group...)
		return group
	})
	var results []<-chan int
	for i := range 9 {
		result, err := q.Begin(i)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, result)
	}
	q.Close()
	if _, err := q.Begin(9); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
	q.Run()
	for i, result := range results {
		if got := <-result; got != i {
			t.Errorf("result %d is %d", i, got)
		}
	}
	if !slices.Equal(committed, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("committed %v", committed)
	}
}

// TestQueueLetsCrowdIn: after a large group, a caller that is runnable but has not queued yet joins the next one; after a
// small group it does not.
func TestQueueLetsCrowdIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the other caller runs only when this goroutine yields
	combined := func(crowded bool) int {
		q := NewQueue(4, 16, func(group []int) []int { return group })
		queued := make(chan struct{})
		go func() {
			defer close(queued)
			if err := q.enqueue(write[int, int]{item: 2}); err != nil {
				t.Error(err)
			}
		}()
		n := len(q.combine([]write[int, int]{{item: 1}}, crowded))
		<-queued
		return n
	}
	tries, joined := 0, 0
	for ; tries < 1000 && joined == 0; tries++ { // the scheduler may prefer this goroutine once in a while
		if combined(true) == 2 {
			joined++
		}
	}
	if joined == 0 {
		t.Errorf("nobody was let in, in %d tries", tries)
	}
	late := 0
	for range 100 {
		late += combined(false) - 1
	}
	if late > 50 { // a preemption may let in a few
		t.Errorf("without a crowd, %d of 100 groups waited", late)
	}
}

func BenchmarkQueueDo(b *testing.B) {
	q := NewQueue(256, 8192, func(group []int) []int { return group })
	done := make(chan struct{})
	go func() { q.Run(); close(done) }()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if got, err := q.Do(context.Background(), 7); got != 7 || err != nil {
				b.Errorf("%d %v", got, err)
			}
		}
	})
	q.Close()
	<-done
}
