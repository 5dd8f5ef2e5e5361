// Package session is ChatTok's domain: sessions, their connections, their log of chat entries, their signals, the rules over
// them, and the contracts of the database (Store) and of the bus between the nodes (Bus). It imports the standard library and
// small packages that know no session.
//
// # Order
//
// Every session owns two numbered sequences, both counted by the Store in the transaction that makes the change, so that
// the order of numbers is the order of commits: the log, whose place grows by one with each entry added or changed (seq with each
// entry added), and the roster, whose revision grows with each change of connections, streams or settings. Of an entry only the
// newest change is kept, so a log has places without an event. A node applies number n+1 after n, ignores numbers that it has, and fetches
// from the Store those that it misses. So a message of the Bus may arrive out of order, twice or not at all.
//
// # Backpressure
//
// No queue is kept for a reader. A sequence.Window keeps the newest events of a sequence; a reader is a position in it. Once
// the events after its position have left the window, it reads the log from the Store, or is told how much it missed where
// there is no log.
//
// # Goroutines
//
// Service.Run owns every goroutine of the package and returns when they have ended: one for each write queue, which commits in
// groups; one that writes which connections have a socket here (presence.run); one that reads where sequences end
// (lastSeqsReader.run); one that gives places in the feed (sequencer.run); one that removes old entries (expiredRemover.run); one that
// looks after leases, sweeps and checks, which is Run's own; and those of background. These load a room, fetch what a room or the
// feed lacks, gather the reactions to an entry, ask the Reviewer about a session's drafts, erase users (eraser.run), remove what
// deleted sessions have stored (deletedRemover.run), ask whether the Store answers (health.askStore), and tell sockets that their
// connection has ended.
//
// # Locks
//
// Locks are taken in this order, and none is held while the Store is called:
//
//	room.mu, attachments.mu, rooms.mu, liveRoster.mu, logFeed.mu, sequence.Chunks, sequence.Window, budget.Budget
//
// So a room that learns of a connection's end may end its sockets, and a connection whose last socket has closed may release
// its room. feedReader.mu and userWindows.mu stand where logFeed.mu does. The locks of sequencer, connectionCache, reactions, reviews,
// requests, lease, health, lastSeqsReader and again are taken after all of these, and no two of them at once. background.mu is the
// last: background.run is called with other locks held, such as rooms.mu by rooms.use and again.mu by again.wake. A Budget only
// tries the locks of those that are to give way, so it may be called with any of them held.
//
// # Files
//
// The façade comes first, then the parts that it is made of, the contracts, and the nouns with their rules. A file calls
// those after it.
//
// Reading order: service.go, service_caller.go, service_acting.go, service_connection.go, service_entry.go, service_change.go,
// service_review.go, service_signal.go, service_stream.go, service_mute.go, service_role.go, service_preview.go, service_session.go,
// service_delete.go, service_erasure.go, eraser.go, service_by_id.go, service_moderation.go, service_read.go, service_follow.go,
// service_feed.go, service_webhook.go, service_export.go, service_server.go, config.go, reviews.go, chat_log.go, reactions.go,
// connections.go, read_marks.go, write_queue.go, sender.go, sweep.go, expired_remover.go, deleted_remover.go, lease.go,
// named_lease.go, page.go, roster_page.go, session_page.go, rooms.go, last_seqs.go, room.go, early.go, catch_up.go, live_roster.go,
// pending.go, message_window.go, user_window.go, log_feed.go, feed_reader.go, sequencer.go, presence.go, attachments.go, requests.go,
// publisher.go, connection_cache.go, trace.go, health.go, identity.go, background.go, hint.go, guard.go, store.go, bus.go, caller.go,
// acting.go, session.go, connection.go, user.go, erasure.go, stay.go, ban.go, quota.go, review.go, change.go, log_event.go, read_mark.go,
// entry.go, stream.go, roster.go, event.go, feed_event.go, feed_event_kind.go, webhook.go, export.go, node.go, sample.go, signal.go,
// negotiation.go, ice.go, role.go, text.go, id.go, cursor.go, errors.go.
package session
