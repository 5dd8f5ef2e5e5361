// Package chaos lets people use a cluster while an adversary kills, pauses and cuts off its parts, and judges by package
// history what they were answered and saw.
//
// Each person is a client as a page is one: it connects, follows entries, signals and presence over a socket to some
// node, moves to another whenever that ends (or it feels like it) and resumes by cursor, posts with keys and retries
// elsewhere until it is answered or gives up, asks for latest entries, and sends signals.
//
// What the adversary does, and when, follows from the seed alone; how the processes take it depends on the machine as
// well, so that a seed repeats the circumstances of a failure and not each of its steps.
package chaos
