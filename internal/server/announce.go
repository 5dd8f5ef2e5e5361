package server

import (
	"fmt"
	"net"

	"chattok/db"
	"chattok/graph/edge"
	"chattok/internal/config"
)

// announce prints the addresses of the server, and warns where open mode can be reached from other machines.
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
	if s.Open && isLoopback(s.listener.Addr()) && edge.BeyondLoopback(config.List(s.Origins)) {
		s.Log.Warn("open mode behind a proxy that others can reach, according to CHATTOK_ORIGINS: anybody may connect, and post in the lobby; CHATTOK_OPEN=false asks for tokens", "origins", s.Origins)
	}
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
