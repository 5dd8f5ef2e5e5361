package groupcommit

import (
	"fmt"
	"sync"
	"testing"
)

// TestQueues: the writes of one key stay in order, and a queue that is held up holds up no other.
func TestQueues(t *testing.T) {
	type item struct {
		key string
		n   int
	}
	held := make(chan struct{})
	var mu sync.Mutex
	committed := map[string][]int{}
	commit := func(group []item) []int {
		for _, i := range group {
			if i.key == "held" {
				<-held
			}
		}
		results := make([]int, len(group))
		mu.Lock()
		defer mu.Unlock()
		for at, i := range group {
			committed[i.key] = append(committed[i.key], i.n)
			results[at] = i.n
		}
		return results
	}
	q := NewQueues(8, 4, 1000, func(i item) string { return i.key }, commit)
	var running, waiting sync.WaitGroup
	running.Go(q.Run)
	waiting.Go(func() {
		if _, err := q.Do(t.Context(), item{"held", 1}); err != nil {
			t.Error(err)
		}
	})

	// Of 64 keys, half at least are not in the queue that is held up.
	const keys, each = 64, 20
	done := make(chan string, keys)
	for k := range keys {
		waiting.Go(func() {
			key := fmt.Sprint("key ", k)
			for n := range each {
				if r, err := q.Do(t.Context(), item{key, n}); err != nil || r != n {
					t.Errorf("%s: item %d got %d, %v", key, n, r, err)
				}
			}
			done <- key
		})
	}
	for range keys / 2 {
		<-done
	}
	close(held)
	waiting.Wait()
	q.Close()
	running.Wait()
	for k := range keys {
		for n, got := range committed[fmt.Sprint("key ", k)] {
			if got != n {
				t.Fatalf("key %d: item %d comes at %d", k, got, n)
			}
		}
	}
	if n := q.Waiting(); n != 0 {
		t.Errorf("%d items wait after the end", n)
	}
}
