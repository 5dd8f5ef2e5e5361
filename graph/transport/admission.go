package transport

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"chattok/graph/transport/gqlerr"
	"chattok/session"
)

// Defaults of the limits on open sockets and streams.
const (
	DefaultMaxSockets    = 100_000
	DefaultMaxPerAddress = 1_000
	DefaultMaxWaiting    = 10_000
)

// admission counts open sockets and streams, and refuses those above the limits.
type admission struct {
	mu         sync.Mutex
	closed     bool
	sockets    map[*socket]struct{}
	responses  map[*httpStream]struct{}
	addresses  networkCounts[int]
	waiting    list.List // of *socket, WebSockets whose connection_init has not come, in front the oldest
	turnedAway int       // WebSockets that are being told why they can't stay
}

func newAdmission() admission {
	return admission{sockets: make(map[*socket]struct{}), responses: make(map[*httpStream]struct{}),
		addresses: make(networkCounts[int])}
}

// denial says why something can't be opened; "" where it can.
type denial string

const (
	deniedRestarting      denial = "the server is restarting; come back"
	deniedServerFull      denial = "no more sockets and streams can be opened now; try again later"
	deniedAddressFull     denial = "too many sockets and streams are open from your address; try again later"
	deniedRequests        denial = "the server has too many requests under way; try again later"
	deniedAddressRequests denial = "too many requests from your address are under way; try again later"
)

// tooManyUninitialised is why a socket is closed whose place another one gets.
const tooManyUninitialised = "too many sockets have not sent connection_init; try again later"

const (
	maxTurnedAway   = 1_000 // WebSockets that are told why at once; others are just closed
	turnAwayTimeout = time.Second
	comeBackAfter   = 5 * time.Second // for clients that are told so
)

// refuse answers a request for a stream that can't be opened.
func (why denial) refuse(w http.ResponseWriter, r *http.Request) {
	err := gqlerr.New(session.CodeUnavailable, "", string(why))
	if why.status() == http.StatusTooManyRequests {
		err = gqlerr.TooMany(string(why), comeBackAfter)
	}
	refuseForNow(w, r, why.status(), err)
}

// status returns the status of a refused request: 429 where its address has too much under way, else 503.
func (why denial) status() int {
	if why == deniedAddressFull || why == deniedAddressRequests {
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// refuseForNow answers a request that may be sent again later.
func refuseForNow(w http.ResponseWriter, r *http.Request, status int, err *gqlerror.Error) {
	w.Header().Set("Retry-After", strconv.Itoa(int(comeBackAfter.Seconds())))
	WriteError(w, r, status, err)
}

// admitSocket counts a WebSocket in. Where too many have not sent connection_init, the oldest of them is closed: an honest client sends it
// at once, so that those who don't can keep nobody out.
func (t *Streams) admitSocket(s *socket) denial {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	why := t.admit(s.client)
	if why != "" {
		return why
	}
	if t.admission.waiting.Len() >= t.config.MaxWaiting {
		oldest := t.admission.waiting.Front().Value.(*socket)
		t.admission.stopWaiting(oldest)
		t.running.Go(func() { oldest.close(CloseTryLater, tooManyUninitialised) })
	}
	t.admission.sockets[s] = struct{}{}
	s.waiting = t.admission.waiting.PushBack(s)
	t.running.Add(1)
	return ""
}

// whyClosed says why a socket was closed before it was open: by a shutdown, or since another one got its place.
func (t *Streams) whyClosed() (code CloseCode, reason string) {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	if t.admission.closed {
		return CloseRestart, restartReason
	}
	return CloseTryLater, tooManyUninitialised
}

// stopWaiting takes a socket off those whose connection_init has not come. mu is held.
func (a *admission) stopWaiting(s *socket) {
	if s.waiting != nil {
		a.waiting.Remove(s.waiting)
		s.waiting = nil
	}
}

// admitStream counts an HTTP stream in.
func (t *Streams) admitStream(s *httpStream) denial {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	why := t.admit(s.client)
	if why == "" {
		t.admission.responses[s] = struct{}{}
		t.running.Add(1)
	}
	return why
}

// admit counts a socket or stream to its client, where there is room. admission.mu is held.
func (t *Streams) admit(client netip.Prefix) denial {
	switch {
	case t.admission.closed:
		return deniedRestarting
	case len(t.admission.sockets)+len(t.admission.responses) >= t.config.MaxSockets:
		return deniedServerFull
	case !client.IsValid():
		return ""
	case t.admission.addresses[client] >= t.config.MaxPerAddress, t.admission.addresses[site(client)] >= siteTimes*t.config.MaxPerAddress:
		return deniedAddressFull
	}
	t.admission.addresses.add(client, 1)
	return ""
}

// initialised notes that a socket's connection_init has come.
func (t *Streams) initialised(s *socket) {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	t.admission.stopWaiting(s)
}

func (t *Streams) removeSocket(s *socket) {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	delete(t.admission.sockets, s)
	t.admission.addresses.add(s.client, -1)
	t.admission.stopWaiting(s)
	t.running.Done()
}

func (t *Streams) removeStream(s *httpStream) {
	t.admission.mu.Lock()
	defer t.admission.mu.Unlock()
	delete(t.admission.responses, s)
	t.admission.addresses.add(s.client, -1)
	t.running.Done()
}

// turnAway tells a WebSocket that has been upgraded why it can't stay. A browser shows a page nothing of an upgrade
// that is refused.
func (t *Streams) turnAway(conn net.Conn, why denial) {
	t.counts.close(CloseTryLater)
	t.admission.mu.Lock()
	tell := !t.admission.closed && t.admission.turnedAway < maxTurnedAway
	if tell {
		t.admission.turnedAway++
		t.running.Add(1)
	}
	t.admission.mu.Unlock()
	if !tell {
		_ = conn.Close()
		return
	}
	go func() {
		defer t.running.Done()
		_ = conn.SetDeadline(time.Now().Add(turnAwayTimeout))
		_, err := conn.Write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(CloseTryLater), closeReason(string(why)))))
		if err == nil {
			(&messageReader{idleReader{conn: conn}}).drain(0, maxDrained) // bytes that were not read would reset the connection
		}
		_ = conn.Close()
		t.admission.mu.Lock()
		t.admission.turnedAway--
		t.admission.mu.Unlock()
	}()
}
