// Package e2e holds the tests of the whole program: they start it as a process, by internal/program, and hold it to its promises
// from outside, by crashes, signals, certificates, several nodes, and clients that come and go.
package e2e
