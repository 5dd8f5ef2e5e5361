package groupcommit_test

import (
	"context"
	"fmt"

	"chattok/internal/groupcommit"
)

func ExampleQueue() {
	var total int
	q := groupcommit.NewQueue(256, 8192, func(group []int) []string {
		results := make([]string, len(group)) // one transaction would be made here, for the whole group
		for i, n := range group {
			total += n
			results[i] = fmt.Sprint("total ", total)
		}
		return results
	})
	done := make(chan struct{})
	go func() { q.Run(); close(done) }()

	result, err := q.Do(context.Background(), 3)
	fmt.Println(result, err)
	q.Close()
	<-done
	_, err = q.Do(context.Background(), 4)
	fmt.Println(err)
	// Output:
	// total 3 <nil>
	// groupcommit: the queue is closed
}
