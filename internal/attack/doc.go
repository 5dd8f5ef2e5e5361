//go:build linux

// Command attack does to a server what one hostile client could, and measures what that costs the others. Each attempt
// runs against a fresh process of the real binary, with honest people beside it who talk at a human pace. It must not
// cost more memory, files, disk, log or time than its ceilings, and the honest must be refused nothing and see all there
// is, in order. `make attack` runs it and prints a table; the exit code is 1 where a ceiling was exceeded. The tests of
// this package run the same attempts with smaller amounts and assert everything but times.
//
// On Linux it runs in a network namespace of its own where it may make one, so that each client has an address of its
// own and no packet leaves. Elsewhere all come from loopback, and say by X-Forwarded-For who they are.
package main
