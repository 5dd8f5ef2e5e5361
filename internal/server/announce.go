package server

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"chattok/db"
	"chattok/graph/edge"
	"chattok/internal/config"
)

// announce prints the addresses of the server, and warns where open mode can be reached from other machines, and where an older backup
// would bring back what was erased.
func (s *server) announce() {
	base := s.address()
	fmt.Fprintf(s.Banner, "ChatTok %s is ready at %s\n  playground  %s/playground\n  API         %s/graphql\n  database    %s\n", s.Version, base, base, base, db.DisplayName(s.Database))
	if s.turn != nil {
		fmt.Fprintf(s.Banner, "  TURN        %s\n", s.turn.Addr())
		if s.Open && !s.turn.Addr().Addr().IsLoopback() {
			s.Log.Warn("open mode with a TURN server that others can reach: anybody may connect, and relay through it; CHATTOK_OPEN=false asks for tokens", "addr", s.turn.Addr().String())
		}
	}
	if s.Open && !isLoopback(s.listener.Addr()) {
		s.Log.Warn("open mode on an address that others can reach: anybody may connect, and post in the lobby; CHATTOK_OPEN=false asks for tokens", "addr", s.listener.Addr().String())
	}
	if behind := s.behindProxy(); s.Open && isLoopback(s.listener.Addr()) && len(behind) > 0 {
		s.Log.Warn("open mode behind a proxy that others can reach, according to " + strings.Join(behind, ", ") + ": anybody may connect, and post in the lobby; CHATTOK_OPEN=false asks for tokens")
	}
	if db.IsPostgres(s.Database) && s.Erasures == "" {
		s.Log.Warn("nothing outside of the database keeps who was erased: a backup of it that is put back brings what was erased since; CHATTOK_ERASURES names a file that keeps it")
	}
}

// behindProxy returns the settings which say that a proxy on this machine passes others' requests on to a server on loopback.
func (s *server) behindProxy() (settings []string) {
	if edge.BeyondLoopback(config.List(s.Origins)) {
		settings = append(settings, "CHATTOK_ORIGINS")
	}
	beyond := func(name string) bool { return !edge.LoopbackHost(name) }
	if slices.ContainsFunc(config.List(s.Hosts), beyond) {
		settings = append(settings, "CHATTOK_HOSTS")
	}
	if slices.ContainsFunc(config.List(s.Domain), beyond) {
		settings = append(settings, "CHATTOK_DOMAIN")
	}
	if len(config.List(s.Limits.Proxies)) > 0 {
		settings = append(settings, "CHATTOK_TRUSTED_PROXIES")
	}
	return settings
}

// address returns the URL under which a browser finds the server.
func (s *server) address() string {
	addr := s.listener.Addr().String()
	switch {
	case s.certificates == nil:
		return "http://" + addr
	case len(s.certificates.Domains) == 0:
		return "https://" + addr
	}
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "443" {
		return "https://" + net.JoinHostPort(s.certificates.Domains[0], port)
	}
	return "https://" + s.certificates.Domains[0]
}

// isLoopback says whether only this machine can reach an address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
