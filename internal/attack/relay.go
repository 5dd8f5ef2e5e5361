//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// Ports of the TURN server. They are below those that the kernel gives to sockets which ask for any.
const (
	turnPort  = 3478
	turnPorts = "3500-3699"
)

// turnTaken is held by the attempt whose server has the TURN ports: attempts may run at once.
var turnTaken sync.Mutex

func turnSettings() settings {
	return settings{env: []string{fmt.Sprintf("CHATTOK_TURN=%s:%d", serverAddress(), turnPort), "CHATTOK_TURN_PORTS=" + turnPorts}}
}

// relay is a TURN client.
type relay struct {
	*turn.Client
	conn net.PacketConn
}

func (r *relay) close() {
	r.Close()
	_ = r.conn.Close()
}

// dialTURN connects to the TURN server over TCP with the credentials of a member.
func dialTURN(ctx context.Context, c *client, m member) (*relay, error) {
	var answer struct {
		IceServers []struct {
			Username, Credential *string
		}
	}
	if err := c.ask(ctx, m.access, `{iceServers{username credential}}`, nil, &answer); err != nil {
		return nil, err
	}
	for _, s := range answer.IceServers {
		if s.Username == nil || s.Credential == nil {
			continue
		}
		tcp, err := dialRelay(ctx, c)
		if err != nil {
			return nil, err
		}
		there := relayAddress()
		conn := turn.NewSTUNConn(tcp)
		quiet := logging.NewDefaultLoggerFactory()
		quiet.DefaultLogLevel = logging.LogLevelDisabled
		client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: there, STUNServerAddr: there, Conn: conn,
			Username: *s.Username, Password: *s.Credential, LoggerFactory: quiet})
		if err != nil {
			return nil, errors.Join(err, tcp.Close())
		}
		if err := client.Listen(); err != nil {
			client.Close()
			return nil, errors.Join(err, tcp.Close())
		}
		return &relay{client, conn}, nil
	}
	return nil, errors.New("the server names no TURN server")
}

func relayAddress() string { return fmt.Sprintf("%s:%d", serverAddress(), turnPort) }

// dialRelay connects to the TURN server over TCP from the client's address.
func dialRelay(ctx context.Context, c *client) (net.Conn, error) {
	dialer := net.Dialer{Timeout: requestTimeout}
	if ownNetwork() {
		dialer.LocalAddr = &net.TCPAddr{IP: c.address.AsSlice()}
	}
	return dialer.DialContext(ctx, "tcp", relayAddress())
}

// bindingRequests sends STUN binding requests (RFC 8489, section 6) over TCP until the server ends a connection, and then over a new one.
func bindingRequests(ctx context.Context, a *assault) error {
	request := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "transaction."...)
	many := bytes.Repeat(request, 200)
	c := a.attacker(0)
	a.prepared()
	var opened atomic.Int64
	each(a.n(250), func(int) {
		for ctx.Err() == nil {
			conn, err := dialRelay(ctx, c)
			if err != nil {
				sleep(ctx, 10*time.Millisecond)
				continue
			}
			opened.Add(1)
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			go func() {
				n, _ := io.Copy(io.Discard, conn)
				a.received.Add(n)
			}()
			for err == nil {
				_, err = conn.Write(many)
			}
			stop()
			conn.Close()
		}
	})
	if opened.Load() == 0 {
		return errors.New("no connection to the TURN server was opened")
	}
	return nil
}

// relayPorts takes all ports that four members at one address can get. Then another person allocates one.
func relayPorts(ctx context.Context, a *assault) error {
	var held atomic.Int64
	var open sync.Mutex
	var relays []*relay
	defer func() {
		for _, r := range relays {
			r.close()
		}
	}()
	for range 4 {
		c, m, err := a.join(ctx, 0, "attack", "")
		if err != nil {
			return err
		}
		each(64, func(int) {
			r, err := dialTURN(ctx, c, m)
			if err != nil {
				return
			}
			open.Lock()
			relays = append(relays, r)
			open.Unlock()
			if _, err := r.Allocate(); err == nil {
				held.Add(1)
			}
		})
	}
	a.prepared()
	a.figure("ports of 200", float64(held.Load()), 150)
	ctx, cancel := afterAttack(ctx)
	defer cancel()
	c := a.client(address(true, 220))
	defer c.close()
	m, err := c.connectPatiently(ctx, officeSession, "", "")
	if err != nil {
		return err
	}
	r, err := dialTURN(ctx, c, m)
	if err == nil {
		defer r.close()
		_, err = r.Allocate()
	}
	if err != nil && a.alive() {
		a.people.harmed("a caller gets no relay port: " + codeOf(err))
	}
	return nil
}

// afterAttack returns a context for what an honest person does during an attack. Its patience does not end with the attack, which may
// be over before a busy server has answered.
func afterAttack(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 3*requestTimeout)
}

// relayPermissions asks for a million permissions on one allocation.
func relayPermissions(ctx context.Context, a *assault) error {
	c, m, err := a.join(ctx, 0, "attack", "")
	if err != nil {
		return err
	}
	r, err := dialTURN(ctx, c, m)
	if err != nil {
		return err
	}
	defer r.close()
	if _, err := r.Allocate(); err != nil {
		return err
	}
	a.prepared()
	const batch = 64
	var given atomic.Int64
	a.race(ctx, 8, a.n(1_000_000)/batch, func(i int) error {
		var peers []net.Addr
		for j := range batch {
			n := i*batch + j
			peers = append(peers, &net.UDPAddr{IP: net.IPv4(9, byte(n>>16), byte(n>>8), byte(n)), Port: 4000})
		}
		err := r.CreatePermission(peers...)
		if err == nil {
			given.Add(batch)
		}
		return err
	})
	a.figure("permissions", float64(given.Load()), batch)
	return nil
}
