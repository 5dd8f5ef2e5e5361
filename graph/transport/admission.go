package transport

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/session"
)

// Defaults of the limits on what is open.
const (
	DefaultMaxSockets    = 100_000
	DefaultMaxPerAddress = 1_000
	DefaultMaxWaiting    = 10_000
)

// How much of an IPv6 address tells clients apart, and their sites: they have networks of these sizes at least (RFC 6177).
const (
	ipv6Client = 64
	ipv6Site   = 48
	siteTimes  = 10 // how many times what a client may have open a site may
)

// admission counts the sockets and streams that are open, and refuses those that are too many.
type admission struct {
	mu         sync.Mutex
	closed     bool
	sockets    map[*socket]struct{}
	responses  map[*httpStream]struct{}
	addresses  map[netip.Prefix]int
	waiting    int // WebSockets whose connection_init has not come
	turnedAway int // WebSockets that are being told so
}

func newAdmission() admission {
	return admission{sockets: make(map[*socket]struct{}), responses: make(map[*httpStream]struct{}),
		addresses: make(map[netip.Prefix]int)}
}

// crowding is why something can't be opened; "" where it can.
type crowding string

const (
	crowdedClosed            crowding = "the server is restarting; come back"
	crowdedServer            crowding = "no more sockets and streams can be opened now; try again later"
	crowdedAddress           crowding = "too many sockets and streams are open from your address; try again later"
	crowdedRequests          crowding = "the server has too many requests under way; try again later"
	crowdedRequestsOfAddress crowding = "too many requests from your address are under way; try again later"
	crowdedWaiting           crowding = "too many sockets have not sent connection_init; try again later"
)

const (
	maxTurnedAway   = 1_000 // WebSockets that are told why at once; others are just closed
	turnAwayTimeout = time.Second
	comeBackAfter   = 5 * time.Second // of those who are told so
)

// refuse answers a request that opens nothing.
func (why crowding) refuse(w http.ResponseWriter) {
	status, code := http.StatusServiceUnavailable, session.CodeUnavailable
	if why == crowdedAddress || why == crowdedRequestsOfAddress {
		status, code = http.StatusTooManyRequests, session.CodeRateLimited
	}
	err := newError(code, "", string(why))
	if code == session.CodeRateLimited {
		err = tooMany(string(why), comeBackAfter)
	}
	refuseForNow(w, status, err)
}

// refuseForNow answers a request that may be sent again.
func refuseForNow(w http.ResponseWriter, status int, err *gqlerror.Error) {
	w.Header().Set("Retry-After", strconv.Itoa(int(comeBackAfter.Seconds())))
	WriteError(w, status, err)
}

// admitSocket counts a WebSocket in.
func (t *Streams) admitSocket(s *socket) crowding {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	why := t.admit(s.client)
	if why == "" && t.open.waiting >= t.config.MaxWaiting {
		why = crowdedWaiting
		t.open.leave(s.client)
	}
	if why == "" {
		t.open.sockets[s] = struct{}{}
		t.open.waiting++
		s.awaited = true
		t.running.Add(1)
	}
	return why
}

// admitStream counts an HTTP stream in.
func (t *Streams) admitStream(s *httpStream) crowding {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	why := t.admit(s.client)
	if why == "" {
		t.open.responses[s] = struct{}{}
		t.running.Add(1)
	}
	return why
}

// admit counts one of a client in, where there is room. open.mu is held.
func (t *Streams) admit(client netip.Prefix) crowding {
	switch {
	case t.open.closed:
		return crowdedClosed
	case len(t.open.sockets)+len(t.open.responses) >= t.config.MaxSockets:
		return crowdedServer
	case !client.IsValid():
		return ""
	case t.open.addresses[client] >= t.config.MaxPerAddress, t.open.addresses[site(client)] >= siteTimes*t.config.MaxPerAddress:
		return crowdedAddress
	}
	t.open.addresses[client]++
	if of := site(client); of.IsValid() {
		t.open.addresses[of]++
	}
	return ""
}

// site returns the network that a client's network is a part of; the zero Prefix for an IPv4 address.
func site(client netip.Prefix) netip.Prefix {
	if !client.IsValid() || client.Addr().Is4() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(client.Addr(), ipv6Site).Masked()
}

// leave counts one of a client out. mu is held.
func (a *admission) leave(client netip.Prefix) {
	for _, network := range []netip.Prefix{client, site(client)} {
		if a.addresses[network]--; a.addresses[network] <= 0 {
			delete(a.addresses, network)
		}
	}
}

// initialised says that a socket's connection_init has come.
func (t *Streams) initialised(s *socket) {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	t.open.initialised(s)
}

func (a *admission) initialised(s *socket) {
	if s.awaited {
		s.awaited = false
		a.waiting--
	}
}

func (t *Streams) removeSocket(s *socket) {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	delete(t.open.sockets, s)
	t.open.leave(s.client)
	t.open.initialised(s)
	t.running.Done()
}

func (t *Streams) removeStream(s *httpStream) {
	t.open.mu.Lock()
	defer t.open.mu.Unlock()
	delete(t.open.responses, s)
	t.open.leave(s.client)
	t.running.Done()
}

// limited returns what of a client's address is counted: all of an IPv4 address, the network of an IPv6 one, and nothing
// where the client is on this machine or is not known.
func limited(client netip.Addr) netip.Prefix {
	client = client.Unmap()
	if !client.IsValid() || client.IsLoopback() {
		return netip.Prefix{}
	}
	bits := client.BitLen()
	if client.Is6() {
		bits = ipv6Client
	}
	prefix, _ := client.Prefix(bits) // never fails for these
	return prefix
}

// turnAway tells a WebSocket that has been upgraded why it can't stay, so that a browser, to which a refused upgrade is
// any failure, learns it too.
func (t *Streams) turnAway(conn net.Conn, why crowding) {
	t.open.mu.Lock()
	tell := !t.open.closed && t.open.turnedAway < maxTurnedAway
	if tell {
		t.open.turnedAway++
		t.running.Add(1)
	}
	t.open.mu.Unlock()
	if !tell {
		_ = conn.Close()
		return
	}
	go func() {
		defer t.running.Done()
		_ = conn.SetDeadline(time.Now().Add(turnAwayTimeout))
		_, err := conn.Write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(CloseTryLater), closeReason(string(why)))))
		if err == nil {
			(&socket{reader: idleReader{conn: conn}}).drain(0) // what the client sent meanwhile would reset the connection
		}
		_ = conn.Close()
		t.open.mu.Lock()
		t.open.turnedAway--
		t.open.mu.Unlock()
	}()
}
