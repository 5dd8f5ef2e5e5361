// Command chattok passes real-time data between the people in a session: a GraphQL server with subscriptions on an embedded
// database, with a page and an SDK for browsers. See README.md.
package main

import (
	"context"
	_ "embed"
	"os"
	"os/signal"
	"syscall"

	"chattok/internal/command"
	"chattok/internal/memory"
	"chattok/internal/processors"
)

// release is the version of a release. The linker sets it: see deploy/release and the Dockerfile.
var release string

// next is the version that this source leads to.
//
//go:embed VERSION
var next string

// main runs the command that the arguments name; without one the program serves. The way from here: internal/command reads
// the arguments, internal/config the settings, and internal/server makes the parts, joins them and listens.
func main() {
	processors.Share()
	memory.TuneGC()
	memory.SetLimit()
	// A write to a log whose reader has gone must fail, not end the server.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	program := command.Program{Version: command.Version(release, next), Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(program.Run(ctx, os.Args[1:]))
}
