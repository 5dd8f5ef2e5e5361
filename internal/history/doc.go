// Package history decides whether the requests, answers and events of one session's clients are a history that a
// correct server could have given them.
//
// Clients record into a Recorder. Afterwards the log is read once, whole, and Check gives a Verdict. Times are those of
// one process's monotonic clock: a request is timed before it is sent, and an answer or an event after it has come, so
// that "before" is never claimed wrongly. A request without an answer may have been carried out or not; it counts only
// once the log or a reader shows it.
//
// Check proves, for everything that was recorded, that:
//
//   - the log is numbered 1 … n without a hole, and holds no entry that was not asked for, or that differs from its add;
//   - every answered add is in the log once, at the number it was answered with, and every unanswered one at most once;
//   - an add that was known (answered to its sender, or seen by a client) before another began has the smaller number;
//   - every subscriber saw a run of the log: each entry once, in order, none left out, across all its resumes; and all of
//     the log where the subscriber is recorded as complete;
//   - the versions of an entry are those that changes made which were asked for: none happened twice, none is lost, a deletion is
//     the last, and each reaction counts those who react so;
//   - an entry that a client reads, or that a subscription gives that began, is no older than what was known before;
//   - every reader of logEvents saw a run of the log's events, at the same places as all others, none left out that was not
//     superseded, and no older version after a newer one; in the end it has every entry as the log has it;
//   - every reader of the feed of all sessions got the events that all others got, at the same places, each once, and each session's
//     in its order; of the roster's none is left out, and of the log's none that a reader of the log would not miss;
//   - a page of chatEntries has everything up to its lastCursor;
//   - latestChatEntry is never older than the entries of that sender that were known before it was asked, and never another
//     sender's;
//   - signals came only to the connections they were sent to, at most once and in order of each sender in each
//     subscription, and signals that had to arrive did;
//   - the changes that watchers of presence saw are possible, watchers agree on why each connection ended, and in the end
//     each has the final roster, which holds exactly the connections that are there.
//
// CheckKept does so for a session whose entries are removed when they are older than they are kept: none is removed before, and no reader
// misses one without being told.
//
// It can't prove that a crash of the machine keeps answered entries, since only processes die here, nor that a lost
// signal had to be lost.
//
// Reading order: check.go, reader.go, log.go, change.go, reaction.go, placing.go, signal.go, feed.go, kept.go, verdict.go, recorder.go,
// recorder_log.go, recorder_feed.go,
// history.go, changing.go.
package history
