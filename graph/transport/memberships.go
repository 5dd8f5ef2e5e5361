package transport

import "chattok/session"

// An address may have a thousand pages, each with groups of its own for its user and its calls, whose selections are the same. So it may
// follow addressTimes as many different selections as one of its connections, as with rates, in addressGroups as many groups. A site may
// have siteTimes as many.
const (
	addressTimes  = 20
	addressGroups = 128
)

// memberships says how often each of some followers follows each of some things: callers groups, and addresses selections and groups.
type memberships[K, V comparable] map[K]map[V]int

// full says whether a follower is at its limit and does not yet follow this thing.
func (s memberships[K, V]) full(follower K, of V, most int) bool {
	mine := s[follower]
	return len(mine) >= most && mine[of] == 0
}

func (s memberships[K, V]) add(follower K, of V) {
	if s[follower] == nil {
		s[follower] = make(map[V]int)
	}
	s[follower][of]++
}

func (s memberships[K, V]) remove(follower K, of V) {
	mine := s[follower]
	if mine[of]--; mine[of] == 0 {
		delete(mine, of)
	}
	if len(mine) == 0 {
		delete(s, follower)
	}
}

// full returns an error where the follower of a membership follows too much: RATE_LIMITED. g.mu is held.
func (g *groups) full(m *membership) error {
	most, of := g.most, ""
	switch client := m.client; {
	case m.caller != "" && g.callers.full(m.caller, m.group, most):
	case client.IsValid() && g.addresses.full(client, m.spelling, most*addressTimes):
		most, of = most*addressTimes, " of one address"
	case client.IsValid() && g.networks.full(client, m.group, most*addressGroups):
		most, of = most*addressGroups, " of one address, in different sessions or of different users,"
	case site(client).IsValid() && g.addresses.full(site(client), m.spelling, most*addressTimes*siteTimes):
		most, of = most*addressTimes*siteTimes, " of one IPv6 /48"
	case site(client).IsValid() && g.networks.full(site(client), m.group, most*addressGroups*siteTimes):
		most, of = most*addressGroups*siteTimes, " of one IPv6 /48, in different sessions or of different users,"
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
	for _, network := range networksOf(m.client) {
		if network.IsValid() {
			g.addresses.add(network, m.spelling)
			g.networks.add(network, m.group)
		}
	}
}

// forget takes a membership off the counts of its caller and its address. g.mu is held.
func (g *groups) forget(m *membership) {
	if m.caller != "" {
		g.callers.remove(m.caller, m.group)
	}
	for _, network := range networksOf(m.client) {
		if network.IsValid() {
			g.addresses.remove(network, m.spelling)
			g.networks.remove(network, m.group)
		}
	}
}
