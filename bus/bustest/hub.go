package bustest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"chattok/bus"
	"chattok/session"
)

// Faults happen to messages between nodes, each to a part of them, 0 to 1. A node's own messages always reach its own
// subscribers, as with every Bus.
type Faults struct {
	Drop   float64
	Double float64
	Hold   float64 // handed over after later messages, or by Release
}

// Hub connects buses within a test, with faults. Its random choices follow from the seed, as far as the order of calls
// is the same.
type Hub struct {
	mu     sync.Mutex
	random *rand.Rand
	faults Faults
	nodes  []*HubNode
}

// NewHub returns a Hub without nodes.
func NewHub(seed uint64, faults Faults) *Hub {
	return &Hub{random: rand.New(rand.NewPCG(seed, seed)), faults: faults}
}

// HubNode is one node's Bus.
type HubNode struct {
	hub   *Hub
	local *bus.Bus
	lost  chan struct{}

	// Guarded by hub.mu.
	cut    bool
	silent bool
	held   []session.Message
}

var _ session.Bus = (*HubNode)(nil)

// Node adds a node.
func (h *Hub) Node() *HubNode {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := &HubNode{hub: h, local: bus.New(), lost: make(chan struct{}, 1)}
	h.nodes = append(h.nodes, n)
	return n
}

// SetFaults changes the faults from now on.
func (h *Hub) SetFaults(faults Faults) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = faults
}

// Release hands over the messages that are held.
func (h *Hub) Release() {
	h.mu.Lock()
	var all []delivery
	for _, n := range h.nodes {
		for _, m := range n.held {
			all = append(all, delivery{n, m})
		}
		n.held = nil
	}
	h.mu.Unlock()
	deliver(all)
}

// delivery is a message on its way to a node.
type delivery struct {
	to      *HubNode
	message session.Message
}

func deliver(all []delivery) {
	for _, d := range all {
		_ = d.to.local.Publish(context.Background(), d.message)
	}
}

// Cut cuts the node off in a way that its bus notices: messages are lost meanwhile, and Err says so.
func (n *HubNode) Cut() { n.set(true, false) }

// Silence cuts the node off in a way that its bus does not notice, as a network may: messages are lost meanwhile.
func (n *HubNode) Silence() { n.set(false, true) }

// Heal connects the node again. Where the bus had noticed, Lost says that messages may have been lost.
func (n *HubNode) Heal() {
	if wasCut := n.set(false, false); wasCut {
		select {
		case n.lost <- struct{}{}:
		default:
		}
	}
}

func (n *HubNode) set(cut, silent bool) (wasCut bool) {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	wasCut = n.cut
	n.cut, n.silent = cut, silent
	return wasCut
}

var errCut = errors.New("cut off by the test")

// Publish implements session.Bus.
func (n *HubNode) Publish(ctx context.Context, m session.Message) error {
	_ = n.local.Publish(ctx, m)
	n.hub.mu.Lock()
	if n.cut {
		n.hub.mu.Unlock()
		return session.Unavailable(errCut)
	}
	var all []delivery
	for _, to := range n.hub.nodes {
		if to != n && !n.silent && !to.cut && !to.silent {
			all = n.hub.plan(all, to, m)
		}
	}
	n.hub.mu.Unlock()
	deliver(all)
	return nil
}

// plan adds the messages that a node gets now that m was sent to it.
func (h *Hub) plan(all []delivery, to *HubNode, m session.Message) []delivery {
	happens := func(part float64) bool { return h.random.Float64() < part }
	switch {
	case happens(h.faults.Drop):
	case happens(h.faults.Hold):
		to.held = append(to.held, m)
		return all
	default:
		all = append(all, delivery{to, m})
	}
	if happens(h.faults.Double) {
		all = append(all, delivery{to, m})
	}
	if len(to.held) > 0 && happens(0.5) {
		i := h.random.IntN(len(to.held))
		all = append(all, delivery{to, to.held[i]})
		to.held = append(to.held[:i], to.held[i+1:]...)
	}
	return all
}

// Subscribe implements session.Bus.
func (n *HubNode) Subscribe(sessionID string, receive func(session.Message)) (stop func(), err error) {
	return n.local.Subscribe(sessionID, receive)
}

// SingleNode implements session.Bus.
func (n *HubNode) SingleNode() bool { return false }

// Lost implements session.Bus.
func (n *HubNode) Lost() <-chan struct{} { return n.lost }

// Err implements session.Bus.
func (n *HubNode) Err() error {
	n.hub.mu.Lock()
	defer n.hub.mu.Unlock()
	if n.cut {
		return errCut
	}
	return nil
}
