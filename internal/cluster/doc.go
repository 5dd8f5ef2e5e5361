// Package cluster runs a ChatTok cluster of plain processes on this machine: PostgreSQL, NATS and nodes of the real
// binary. Each node can be killed, stopped, paused and started again at the same address. Where faults are asked for, a
// proxy stands between each node and the database, and another one between it and the bus.
//
// The processes end with the Cluster, also where the program that runs it is killed (on Linux).
//
// Reading order: cluster.go, node.go, folder.go.
package cluster
