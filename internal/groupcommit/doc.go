// Package groupcommit commits concurrent writes in groups, so that one commit's cost is shared by all that arrive together.
//
// A Queue commits one group at a time: the writes that arrive during a commit are the next group. There is no timer, so a
// lone write is committed at once, and groups are as large as the load makes them. Queues are several of them side by side,
// for a store that can commit several groups at once; all writes of one key go through the same Queue, in order.
//
// Do and Begin may be called from any goroutine. Run commits on the goroutine that calls it, and returns after Close when everything
// that was accepted is committed.
//
// Reading order: queues.go, queue.go.
package groupcommit
