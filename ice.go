package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"chattok/media"
	"chattok/session"
)

// iceConfig is which ICE servers clients are told of: the built-in one, outside ones, or none.
type iceConfig struct {
	turn         string
	allowPrivate bool
	ports        string
	allocations  int
	bandwidth    int
	servers      string

	outside *media.Outside // of servers; nil where there are none
	builtIn media.Config   // of turn
}

func (c *iceConfig) flags(f *flag.FlagSet) {
	f.StringVar(&c.turn, "turn", "", "serve STUN and TURN on this `address`, HOST:PORT, over UDP and TCP; behind a comma the IP that clients reach it by, where HOST is not that, and one of the other family")
	f.BoolVar(&c.allowPrivate, "turn-allow-private", false, "relay to loopback, private and other special addresses too")
	f.StringVar(&c.ports, "turn-ports", "49152-65535", "`range` of UDP ports to relay through")
	f.IntVar(&c.allocations, "turn-allocations", 64, "relay allocations of one connection at most")
	f.IntVar(&c.bandwidth, "turn-bandwidth", 25_000, "`kbit/s` that are relayed for one connection at most, both directions together")
	f.StringVar(&c.servers, "ice-servers", "", "outside ICE `servers` to name instead: URIs separated by commas, or a JSON array of RTCIceServer, where \"secret\" may stand for username and credential")
}

// validate reads what the flags say.
func (c *iceConfig) validate() (err error) {
	if c.turn != "" && c.servers != "" {
		return fmt.Errorf("%w: -turn and -ice-servers exclude each other", errUsage)
	}
	if c.servers != "" {
		if c.outside, err = media.ParseOutside(c.servers); err != nil {
			return fmt.Errorf("%w: -ice-servers: %w", errUsage, err)
		}
	}
	if c.turn == "" {
		return nil
	}
	c.builtIn = media.Config{AllowPrivate: c.allowPrivate, Allocations: c.allocations, Bandwidth: c.bandwidth}
	parts := strings.Split(c.turn, ",")
	c.builtIn.Listen = strings.TrimSpace(parts[0])
	for _, part := range parts[1:] {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%w: -turn must be HOST:PORT, or HOST:PORT,IP: %q is no IP address", errUsage, part)
		}
		c.builtIn.Relay = append(c.builtIn.Relay, ip)
	}
	low, high, _ := strings.Cut(c.ports, "-")
	var failed [2]error
	c.builtIn.MinPort, failed[0] = strconv.Atoi(low)
	c.builtIn.MaxPort, failed[1] = strconv.Atoi(high)
	if err := errors.Join(failed[:]...); err != nil {
		return fmt.Errorf("%w: -turn-ports must be two ports, as 49152-65535", errUsage)
	}
	if _, err := media.New(c.builtIn); err != nil {
		return fmt.Errorf("%w: -turn: %w", errUsage, err)
	}
	return nil
}

// openICE makes what names the ICE servers; nil for none. The built-in server listens from listen on.
func (s *server) openICE(secret []byte) (session.ICE, error) {
	c := s.config.ice
	switch {
	case c.outside != nil:
		return c.outside, nil
	case c.turn == "":
		return nil, nil
	}
	c.builtIn.Secret, c.builtIn.Log = secret, s.log
	c.builtIn.Ended = func(id string) bool { return s.service.Ended(id) }
	turn, err := media.New(c.builtIn)
	if err != nil {
		return nil, fmt.Errorf("CHATTOK_TURN: %w", err)
	}
	s.turn = turn
	s.metrics.observeTURN(turn)
	return turn, nil
}
