package session

import "time"

// MaxListNodes is the length of the list of nodes. Where more serve, those with the last ids are left out.
const MaxListNodes = 200

// Node is a server that holds a lease, as it reported itself last. The pointers are nil for a node of a version that reports nothing.
type Node struct {
	ID            string
	Version       *string
	StartedAt     *time.Time
	ReportedAt    *time.Time
	Answering     bool // it is the node that answers
	Sockets       *int64
	HTTPStreams   *int64
	Subscriptions *int64
	Connections   *int64
}

// NodeLoad is the number of things that are open on a node.
type NodeLoad struct {
	Sockets       int // WebSockets
	HTTPStreams   int
	Subscriptions int // over both
}

// NodeReport is what a node tells the others of itself.
type NodeReport struct {
	NodeLoad
	Version     string
	Uptime      time.Duration
	Connections int // that have a socket on the node
}

// node returns the Node that a report at this time makes.
func (r NodeReport) node(id string, now time.Time) *Node {
	started := now.Add(-r.Uptime)
	number := func(n int) *int64 { count := int64(n); return &count }
	return &Node{ID: id, Version: &r.Version, StartedAt: &started, ReportedAt: &now, Sockets: number(r.Sockets),
		HTTPStreams: number(r.HTTPStreams), Subscriptions: number(r.Subscriptions), Connections: number(r.Connections)}
}
