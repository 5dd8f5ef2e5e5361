//go:build linux

// Command attack attacks a server as one hostile client could, and measures the cost to the other clients. Each attempt
// runs against a fresh process of the real binary, beside honest people who talk at a human pace. An attempt holds where
// it exceeds none of its ceilings on memory, files, disk, log lines and time, and where the honest people are refused
// nothing and see every entry in order. `make attack` prints a table of all attempts; the exit code is 1 where one did not
// hold. The tests of this package run the same attempts with smaller amounts, and assert everything but times.
//
// The command enters a network namespace of its own where the system lets it, so that each client has an address of its
// own and no packet leaves the machine. Otherwise all clients come from loopback and claim addresses by X-Forwarded-For.
package main
