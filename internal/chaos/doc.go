// Package chaos lets people use a cluster while an adversary kills, pauses and cuts off its parts. Package history
// judges whether the answers and events that the people got can be true.
//
// Each person is a client, as a page is. It connects, and follows entries, signals and presence over a socket to some
// node. When the socket ends, or by chance, it moves to another node and resumes by its cursor. It posts entries with
// keys and retries on other nodes until it is answered or gives up, and so it edits, deletes and reacts. It asks for latest
// entries, single ones and pages, and sends signals. Of one session the entries are removed when they are two seconds old, and its readers
// are away for longer now and then.
//
// The acts of the adversary and their times follow from the seed alone. Their effect on the processes depends on the
// machine as well, so a seed repeats the circumstances of a failure and not each of its steps.
//
// Reading order: world.go, adversary.go, schedule.go, work.go, room.go, reader.go, logs.go, feed.go, kept.go, person.go, marks.go,
// change.go, socket.go, api.go.
package chaos
