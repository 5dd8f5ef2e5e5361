package sequence_test

import (
	"context"
	"fmt"

	"chattok/internal/budget"
	"chattok/internal/sequence"
)

func ExampleFollower() {
	size := func(s string) int { return len(s) }
	window := sequence.NewWindow(budget.New(0), 0, 16, 1<<20, size)
	window.Append("one", "two")

	ctx, cancel := context.WithCancel(context.Background())
	follower := sequence.Follower[string]{Source: window, After: 1} // after the first event
	events := follower.Deliver(ctx)
	window.Append("three")
	fmt.Println(<-events, <-events)
	cancel()
	_, open := <-events
	fmt.Println(open)
	// Output:
	// two three
	// false
}
