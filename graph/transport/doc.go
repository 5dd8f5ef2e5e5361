// Package transport carries GraphQL operations: over HTTP, with SSE and multipart for streams, and over WebSocket. It
// knows no schema and no rule; graph gives it what it needs to know of callers, of subscriptions and of the domain's errors.
//
// # The picture
//
// A subscription is a reader, and a reader is a position: the number of the last event that it got. There is no queue for
// a reader. Readers that select the same of the same source are a group, which executes each event once, by ordinary gqlgen
// execution, and shares the bytes. A group's members are served in shards of 64 by workers, one worker for each processor.
//
//	source (Topic) ── wake ──▶ group ──▶ queue of shards ──▶ worker: for each member of a shard,
//	  events by number          │                            events after its position, as bytes,
//	                            ▼                            into one write of its socket
//	                 execution: event ──▶ bytes, once
//	                            ▲
//	HTTP stream: woken, takes events after its own position, writes on its request's goroutine
//
// Workers take turns among addresses: the groups whose members are all of one address share a bucket of the queue, every other
// group has one of its own, and each bucket gives one shard in its turn. A pass over a shard renders for 10 ms, about; then the
// shard waits for another turn. So an address that follows many costly selections holds up itself.
//
// A worker waits for nobody. The bytes that the kernel does not take at once are written by a goroutine under the write
// deadline; a socket that is being written to is passed by, and served when that write is over; a member whose events have
// fallen out of the source, or are very large, catches up on a goroutine of its own; and an event with a resolver that has
// to wait for the store is executed on a goroutine of its own.
//
// Queries and mutations of one WebSocket run in the order in which they came. Subscriptions that can't be shared have a
// goroutine each, and so do HTTP streams. A silent WebSocket has no goroutine where the kernel can say when there is
// something to read (epoll).
//
// # Locks
//
// Each value locks itself. Where two locks are held at once, they are taken in this order:
//
//	group.placing → shard.mu → socketWriter.mu → execution.mu → locks of package session
//	socket.behind → socket.catching → socketWriter.mu, execution.mu, locks of package session
//	groups.mu → the source's own lock → combiner.mu
//
// The source holds its lock while it wakes its groups, so waking a group only puts shards into the queue, whose lock is the
// innermost of all. A write that ends may find its caller holding a shard, so the shards that passed the socket by are put
// into the queue by a goroutine. The locks of admission, operations, requests, bytePool, idleSockets and watchedConn are taken
// by themselves. Nobody waits for the store or a client with a lock held, save for three locks of one socket: socketWriter.mu is
// held for a write, socket.catching by the one member of the socket that catches up, and socket.behind by the one that reads the past.
//
// # What ends
//
// Streams owns its goroutines, and Shutdown waits for all: workers, the watch over silent sockets, the kernel's poller,
// writes and members that catch up, and the sockets and streams that are open. A socket ends when its reading does: its
// connection is closed, its operations are cancelled and waited for, and its members leave their groups. An HTTP stream
// ends with its request. A group ends with its last member: its execution is cancelled, and what it kept is given back. An
// operation is cancelled when its client cancels it or has gone; a mutation that has begun is not.
//
// # Reading
//
// Callers come before the functions that they call. A call that runs back up is one of a value into its owner: a handler of
// a socket closes it, an operation leaves its group, a late event wakes its group.
//
// Reading order: streams.go, http.go, http_stream.go, websocket.go, websocket_socket.go, websocket_handshake.go,
// websocket_execute.go, websocket_liveness.go, negotiate.go, http_body.go, framing.go, delivery.go, catch_up.go, behind.go, member.go,
// websocket_operations.go, websocket_room.go, share.go, selection.go, group.go, memberships.go, shard.go, shard_queue.go,
// combine.go, execution.go, may_wait.go, rendered.go, topic.go, networks.go, admission.go, requests.go, pages.go, idle_sockets.go,
// idle_poller_linux.go, idle_poller_other.go, conn.go, conn_linux.go, conn_other.go, counts.go, websocket_writer.go,
// websocket_reader.go, websocket_idle_reader.go, fd_unix.go, fd_other.go, websocket_close.go, websocket_protocol.go, answers.go,
// byte_pool.go, http_response.go, buffer.go, config.go, identity.go, sleep.go
package transport
