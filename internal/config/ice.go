package config

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"chattok/media"
)

// ICE says which ICE servers (RFC 8445) clients are told of: the built-in one, outside ones, or none.
type ICE struct {
	TURN    string         // address of the built-in server; none where empty
	BuiltIn media.Config   // of TURN; its secrets, log and callback are left to fill in
	Outside *media.Outside // nil where there are none

	allowPrivate bool
	ports        string
	allocations  int
	bandwidth    int
	servers      string // of Outside, as they were written
}

func (c *ICE) flags(f *flag.FlagSet) {
	f.StringVar(&c.TURN, "turn", "", "serve STUN and TURN on this `address`, HOST:PORT, over UDP and TCP; behind commas the IPs by which clients reach it, one of each family, where HOST is another or none")
	BoolVar(f, &c.allowPrivate, "turn-allow-private", false, "relay to loopback, private and other special addresses too")
	f.StringVar(&c.ports, "turn-ports", "49152-65535", "`range` of UDP ports to relay through")
	f.IntVar(&c.allocations, "turn-allocations", 64, "relay allocations of one connection at most")
	f.IntVar(&c.bandwidth, "turn-bandwidth", 25_000, "`kbit/s` relayed for one connection at most, both directions together")
	f.StringVar(&c.servers, "ice-servers", "", "outside ICE `servers` to use instead: URIs separated by commas, or a JSON array of RTCIceServer, where \"secret\" may stand for username and credential")
}

// validate reads the flags into Outside and BuiltIn.
func (c *ICE) validate() (err error) {
	if c.TURN != "" && c.servers != "" {
		return fmt.Errorf("%w: -turn and -ice-servers exclude each other", ErrUsage)
	}
	if c.servers != "" {
		if c.Outside, err = media.ParseOutside(c.servers); err != nil {
			return fmt.Errorf("%w: -ice-servers: %w", ErrUsage, err)
		}
	}
	if c.TURN == "" {
		return nil
	}
	c.BuiltIn = media.Config{AllowPrivate: c.allowPrivate, Allocations: c.allocations, Bandwidth: c.bandwidth}
	parts := strings.Split(c.TURN, ",")
	c.BuiltIn.Listen = strings.TrimSpace(parts[0])
	for _, part := range parts[1:] {
		ip, err := netip.ParseAddr(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%w: -turn must be HOST:PORT, or HOST:PORT,IP: %q is no IP address", ErrUsage, part)
		}
		c.BuiltIn.Relay = append(c.BuiltIn.Relay, ip)
	}
	low, high, _ := strings.Cut(c.ports, "-")
	var failed [2]error
	c.BuiltIn.MinPort, failed[0] = strconv.Atoi(low)
	c.BuiltIn.MaxPort, failed[1] = strconv.Atoi(high)
	if err := errors.Join(failed[:]...); err != nil {
		return fmt.Errorf("%w: -turn-ports must be two ports, as 49152-65535", ErrUsage)
	}
	if _, err := media.New(c.BuiltIn); err != nil {
		return fmt.Errorf("%w: -turn: %w", ErrUsage, err)
	}
	return nil
}
