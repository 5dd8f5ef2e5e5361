// Package session is ChatTok's domain: sessions, their connections, their log of chat entries, their signals, the
// rules over them, and the contracts of what stores (Store) and what wakes other nodes (Bus). It imports nothing but
// the standard library.
//
// # Order
//
// Every session owns two numbered sequences, both counted by the Store in the transaction that makes the change, so
// that the order of numbers is the order of commits: the log (seq, one a chat entry) and the roster (revision, one a
// connection created or destroyed, or a change of streams). What reaches a node out of order, twice or not at all is put right by the numbers:
// a node applies n+1 after n, ignores what it has, and fetches from the Store what it misses.
//
// # Backpressure
//
// Nobody queues for a reader. A Window keeps the newest events of a sequence; a reader is a position in it, and what
// falls behind reads the log from the Store, or is told how much it missed where there is no log.
//
// # Shutdown
//
// Service.Run owns every goroutine of the package and returns when they have ended.
package session
