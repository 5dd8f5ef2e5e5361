// Package history decides whether what clients of one session asked, were answered and saw is a history that a correct
// server could have given them.
//
// Clients write into a Recorder; afterwards the log is read once, whole, and Check gives a Verdict. Times are those of
// one process's monotonic clock: what is asked is timed before it is sent, what is answered or seen after it has come,
// so that "before" is never claimed wrongly. What nobody answered may have happened or not; it counts only once the log
// or a reader shows it.
//
// Check proves, for what was recorded, that:
//
//   - the log is numbered 1 … n without a hole, and holds nothing that nobody asked for, or other than it was asked for;
//   - every answered add is in the log once, at the number it was answered with, and every unanswered one at most once;
//   - an add that was known (answered to its sender, or seen by anyone) before another began has the smaller number;
//   - every subscriber saw a run of the log: each entry once, in order, none left out, across all its resumes; and all of
//     it where it is said to be complete;
//   - latestChatEntry is never older than what was known of that sender before it was asked, nor of someone else;
//   - signals came only to whom they were sent, at most once and in order of each sender in each subscription, and those
//     that had to arrive did;
//   - what watchers of presence saw is possible, they agree on why each connection ended, and in the end each has the
//     final roster, which holds exactly those that are there.
//
// It can't prove that a crash of the machine keeps what was answered, since it sees processes die alone, nor that a
// signal which was lost had to be.
package history
