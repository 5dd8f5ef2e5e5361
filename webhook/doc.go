// Package webhook sends the feed of all sessions to receivers: servers that are named by webhooks. Each webhook has a goroutine and
// one request at a time, so that a receiver gets each session's events in their order, and one that is slow, hangs or fails delays
// no other. One node sends, which holds a lease in the database; another one takes over when the lease has run out.
//
// A webhook is a place in the feed. Before each request its row is read, so that a deletion or a replay by any node counts from
// then on; the events after the place are read then too, also where they were sent in vain before, so that no text goes out that was
// deleted meanwhile. After each answer the place is stored, for several webhooks in one commit. Where a node ends between an answer
// and that commit, the events come twice, with the ids that they had.
//
// At its end a Sender begins no request, and gives those under way a moment. Run returns when all of its goroutines have ended.
//
// Reading order: sender.go worker.go batch.go event.go record.go progress.go stats.go.
package webhook
