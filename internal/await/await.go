// Package await makes a test wait for something that happens on another goroutine or in another process. A wait that
// takes too long fails the test and says what it waited for.
package await

import (
	"testing"
	"time"
)

// Patience is how long a test waits before it fails. It is far more than anything takes, so that a slow machine fails no
// test.
const Patience = 2 * time.Minute

// poll is the time between two looks at a condition.
const poll = 2 * time.Millisecond

// True waits until a condition holds that no channel announces.
func True(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	Within(tb, Patience, what, holds)
}

// Within is True for a condition that may take longer than Patience.
func Within(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(poll) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not so after %v", what, limit)
		}
	}
}

// Closed waits until a channel is closed.
func Closed(tb testing.TB, what string, done <-chan struct{}) {
	tb.Helper()
	select {
	case <-done:
	case <-time.After(Patience):
		tb.Fatalf("%s: not so after %v", what, Patience)
	}
}

// Value returns the next value of a channel. It fails the test where the channel is closed.
func Value[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case value, open := <-from:
		if !open {
			tb.Fatalf("%s: the channel is closed", what)
		}
		return value
	case <-time.After(Patience):
		tb.Fatalf("%s: nothing after %v", what, Patience)
	}
	panic("not reached")
}
