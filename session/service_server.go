package session

import (
	"context"
	"slices"
	"time"
)

// Nodes returns the nodes that hold a lease, by id: this one as it is, the others as they last reported. Errors: UNAUTHENTICATED,
// FORBIDDEN, UNAVAILABLE.
func (s *Service) Nodes(ctx context.Context, c Caller) ([]*Node, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	nodes, err := s.cfg.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	own := s.report().node(s.lease.node, s.cfg.Now().UTC())
	own.Answering = true
	for i, n := range nodes {
		if n.ID == own.ID {
			own.StartedAt = n.StartedAt // by the clock that the others' times are of
			nodes[i] = own
			return nodes, nil
		}
	}
	// Its lease has run out, or many nodes come before it.
	nodes = append([]*Node{own}, nodes...)
	return nodes[:min(len(nodes), MaxListNodes)], nil
}

// Samples returns this node's samples of the last hour that ended after a time; nil: all. Errors: UNAUTHENTICATED, FORBIDDEN.
func (s *Service) Samples(c Caller, after *time.Time) (*Samples, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	var samples []*Sample
	if s.cfg.Samples != nil {
		samples = s.cfg.Samples()
	}
	if after != nil {
		// Times are told in whole milliseconds: the sample that a client has is not told again.
		samples = slices.DeleteFunc(samples, func(sample *Sample) bool { return !sample.At.Truncate(time.Millisecond).After(*after) })
	}
	return &Samples{NodeID: s.lease.node, Interval: int(SampleInterval / time.Second), Samples: samples}, nil
}

// report returns what this node tells the others of itself.
func (s *Service) report() NodeReport {
	r := NodeReport{Version: s.cfg.Version, Uptime: s.cfg.Now().Sub(s.startedAt), Connections: s.presence.count()}
	if s.cfg.Load != nil {
		r.NodeLoad = s.cfg.Load()
	}
	return r
}
