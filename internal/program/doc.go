// Package program builds the chattok binary and runs it as a process, for tests and tools that drive the real program. It
// also builds the programs of others that tests need, of the versions in tools/go.mod.
//
// Reading order: testing.go, server.go, build.go, rates.go.
package program
