package transport

import (
	"net/netip"

	"chattok/session"
)

// addressTimes is how many times as many different selections an address may follow as one of its connections, as with rates; a
// site may follow siteTimes as many as that.
const addressTimes = 20

// memberships says how often each of some followers is a member of which group.
type memberships[K comparable] map[K]map[*group]int

// full says whether a follower is a member of so many groups, and another one would be one more; nil stands for a new group.
func (s memberships[K]) full(follower K, g *group, most int) bool {
	mine := s[follower]
	return len(mine) >= most && (g == nil || mine[g] == 0)
}

func (s memberships[K]) add(follower K, g *group) {
	if s[follower] == nil {
		s[follower] = make(map[*group]int)
	}
	s[follower][g]++
}

func (s memberships[K]) remove(follower K, g *group) {
	mine := s[follower]
	if mine[g]--; mine[g] == 0 {
		delete(mine, g)
	}
	if len(mine) == 0 {
		delete(s, follower)
	}
}

// full returns an error where the follower of a membership is in too many groups: RATE_LIMITED. g.mu is held.
func (g *groups) full(m *membership) error {
	most, of := g.most, ""
	switch client := m.client; {
	case m.caller != "" && g.callers.full(m.caller, m.group, most):
	case client.IsValid() && g.addresses.full(client, m.group, most*addressTimes):
		most, of = most*addressTimes, " of one address"
	case site(client).IsValid() && g.addresses.full(site(client), m.group, most*addressTimes*siteTimes):
		most, of = most*addressTimes*siteTimes, " of one IPv6 /48"
	default:
		return nil
	}
	return session.Errorf(session.CodeRateLimited, "at most %d subscriptions%s may select something different at once", most, of).
		WithReason(session.ReasonTooManySelections)
}

// count counts a membership to its caller and its address. g.mu is held.
func (g *groups) count(m *membership) {
	if m.caller != "" {
		g.callers.add(m.caller, m.group)
	}
	for _, network := range [2]netip.Prefix{m.client, site(m.client)} {
		if network.IsValid() {
			g.addresses.add(network, m.group)
		}
	}
}

// forget takes a membership off the counts of its caller and its address. g.mu is held.
func (g *groups) forget(m *membership) {
	if m.caller != "" {
		g.callers.remove(m.caller, m.group)
	}
	for _, network := range [2]netip.Prefix{m.client, site(m.client)} {
		if network.IsValid() {
			g.addresses.remove(network, m.group)
		}
	}
}
