package session

import (
	"fmt"
	"sync"
	"testing"
)

// A session's items stay in order, and a lane that waits holds up no other.
func TestLanes(t *testing.T) {
	type item struct {
		session string
		n       int
	}
	held := make(chan struct{})
	var mu sync.Mutex
	committed := map[string][]int{}
	commit := func(group []item) []int {
		for _, i := range group {
			if i.session == "held" {
				<-held
			}
		}
		results := make([]int, len(group))
		mu.Lock()
		defer mu.Unlock()
		for at, i := range group {
			committed[i.session] = append(committed[i.session], i.n)
			results[at] = i.n
		}
		return results
	}
	l := newLanes(8, 4, 1000, func(i item) string { return i.session }, commit)
	var running, waiting sync.WaitGroup
	running.Go(l.run)
	waiting.Go(func() {
		if _, err := l.do(t.Context(), item{"held", 1}); err != nil {
			t.Error(err)
		}
	})

	// Of so many sessions some have lanes of their own; those in the lane that waits come later.
	const sessions, each = 64, 20
	done := make(chan string, sessions)
	for s := range sessions {
		waiting.Go(func() {
			name := fmt.Sprint("s", s)
			for n := range each {
				if r, err := l.do(t.Context(), item{name, n}); err != nil || r != n {
					t.Errorf("%s: item %d got %d, %v", name, n, r, err)
				}
			}
			done <- name
		})
	}
	for range sessions / 2 {
		<-done
	}
	close(held)
	waiting.Wait()
	l.close()
	running.Wait()
	for s := range sessions {
		for n, got := range committed[fmt.Sprint("s", s)] {
			if got != n {
				t.Fatalf("session %d: item %d comes at %d", s, got, n)
			}
		}
	}
	if n := l.waiting(); n != 0 {
		t.Errorf("%d items wait after the end", n)
	}
}
