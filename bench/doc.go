// Command bench measures ChatTok from the outside: it builds the server, starts it on a database of its own, talks to it
// over the network, and checks every answer that it counts. A wrong answer ends it with an error.
//
//	go run ./bench                        measures everything, prints the tables
//	go run ./bench -only adds,idle        measures these parts
//	go run ./bench -write                 puts the tables into bench/README.md as well
//	go run ./bench -only compare          runs ChatTok beside stock gqlgen and centrifuge
//
// It shares the machine's processors with the server, so it does little: it writes its own HTTP and WebSocket, and
// serves all its sockets from an epoll loop or two. It needs Linux, whose /proc says how much processor time and memory the server uses.
//
// # How it is laid out
//
// A part (listed in main.go) is one question and gives one section of the README. Parts start servers (server.go), open callers
// and subscribers on them (caller.go, subscriber.go), hand those to a fleet (fleet.go), and check the answers and
// deliveries (check.go).
package main
