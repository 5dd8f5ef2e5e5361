package bustest

import (
	"testing"

	"chattok/session"
)

// TestHub: without faults a Hub is a Bus like any other.
func TestHub(t *testing.T) {
	Run(t, func(*testing.T) Net {
		h := NewHub(1, Faults{})
		var nodes []*HubNode
		all := func(f func(*HubNode)) func() {
			return func() {
				for _, n := range nodes {
					f(n)
				}
			}
		}
		return Net{Down: all((*HubNode).Cut), Up: all((*HubNode).Heal), Node: func() session.Bus {
			n := h.Node()
			nodes = append(nodes, n)
			return n
		}}
	})
}
