package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"

	"chattok/internal/publicaddress"
	"chattok/session"
)

// realm is the realm of every credential.
const realm = "chattok"

// closeTimeout bounds the time that Close waits for pion's goroutines to end.
const closeTimeout = 5 * time.Second

// Config holds the settings of a TURN server.
type Config struct {
	// Listen is the UDP and TCP address to serve on, "host:port" with an IP or no host; port 0 means a free port.
	Listen string
	// Relay holds the addresses by which clients and peers reach this machine, at most one of each family. If it is empty,
	// Listen must have a host, which is used.
	Relay []netip.Addr
	// Secret is the API secret, from which the credentials' key is derived.
	Secret []byte
	// OldSecrets are further ones, the newest first, whose credentials still count.
	OldSecrets [][]byte

	AllowPrivate     bool          // relay to loopback, private and other special addresses too
	MinPort, MaxPort int           // of relays; zero: 49152 to 65535 (RFC 8656, section 7.2)
	Allocations      int           // of one connection; zero: 64
	Bandwidth        int           // of one connection in both directions, kbit/s; zero: 25,000
	Lifetime         time.Duration // of a credential; zero: 12 h

	// Ended says whether a connection is known to have ended. It must not block. nil means that none is known.
	Ended func(connectionID string) bool
	Now   func() time.Time // zero: time.Now
	Log   *slog.Logger     // nil: discarded
}

// Stats are counts since the start.
type Stats struct {
	Allocations   int64 // now
	SentBytes     int64 // to peers
	ReceivedBytes int64 // from peers
	Dropped       int64 // packets above a connection's bandwidth
	Refused       int64 // permissions and packets to where nothing may go, and allocations above the quota
	Unauthorized  int64 // requests with a wrong or an expired credential
}

// TURN is a STUN and TURN server. It works from Listen to Close.
type TURN struct {
	cfg         Config
	listen      netip.AddrPort
	keys        keyring
	quotas      *quotas
	permissions *permissions
	relays      *relays
	local       map[netip.Addr]bool       // this machine's own addresses, those of Relay among them
	bind        map[netip.Addr]netip.Addr // addresses to open relays at, by the address of Relay

	udp    *udpSocket
	tcp    *tcpListener
	server *turn.Server
	port   uint16
	ended  chan struct{} // gets a value when an allocation has ended
	close  sync.Once

	allocations, sent, received, dropped, refused, unauthorized atomic.Int64
}

var _ session.ICE = (*TURN)(nil)

// New returns a server that does not listen yet. Errors: impossible settings, with the name of the field.
func New(c Config) (*TURN, error) {
	listen, err := parseListen(c.Listen)
	if err != nil {
		return nil, err
	}
	if ip := listen.Addr(); len(c.Relay) == 0 && ip.IsValid() && !ip.IsUnspecified() {
		c.Relay = []netip.Addr{listen.Addr()}
	}
	if err := validRelay(c.Relay); err != nil {
		return nil, err
	}
	setDefault(&c.MinPort, 49152)
	setDefault(&c.MaxPort, 65535)
	setDefault(&c.Allocations, 64)
	setDefault(&c.Bandwidth, 25_000)
	setDefault(&c.Lifetime, 12*time.Hour)
	setDefault(&c.Log, slog.New(slog.DiscardHandler))
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Ended == nil {
		c.Ended = func(string) bool { return false }
	}
	switch {
	case c.MinPort < 1 || c.MaxPort > 65535 || c.MinPort > c.MaxPort:
		return nil, fmt.Errorf("relay ports must be 1 to 65535, the lower first, but are %d to %d", c.MinPort, c.MaxPort)
	case c.Allocations < 1:
		return nil, fmt.Errorf("allocations of a connection must be at least 1, but are %d", c.Allocations)
	case c.Bandwidth < 1:
		return nil, fmt.Errorf("bandwidth of a connection must be at least 1 kbit/s, but is %d", c.Bandwidth)
	}
	t := &TURN{cfg: c, listen: listen, keys: newKeyring(c.Secret, c.OldSecrets),
		quotas: newQuotas(c.Allocations, c.Bandwidth*1000, c.MaxPort-c.MinPort+1), permissions: newPermissions(), ended: make(chan struct{}, 1)}
	t.relays = &relays{server: t, open: make(map[netip.AddrPort]*relay)}
	return t, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// parseListen returns no valid IP where there is no host.
func parseListen(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q must be HOST:PORT: %w", address, err)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port of address %q must be 0 to 65535", address)
	}
	if host == "" {
		return netip.AddrPortFrom(netip.Addr{}, uint16(number)), nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("host of address %q must be an IP address, or empty for all", address)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

func validRelay(addrs []netip.Addr) error {
	if len(addrs) == 0 {
		return errors.New("a relay IP is needed where the address has no host: the one that clients reach this machine by")
	}
	seen := map[bool]bool{}
	for _, a := range addrs {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return fmt.Errorf("relay IP %v must be an address of one machine", a)
		}
		if is4 := a.Unmap().Is4(); seen[is4] {
			return errors.New("there can be one relay IP of each family, IPv4 and IPv6")
		} else {
			seen[is4] = true
		}
	}
	return nil
}

// Listen opens the sockets and serves until Close. Errors: an address that can't be used.
func (t *TURN) Listen() (err error) {
	if t.local, err = localAddrs(); err != nil {
		return fmt.Errorf("list this machine's addresses: %w", err)
	}
	t.bind = make(map[netip.Addr]netip.Addr, len(t.cfg.Relay))
	for _, a := range t.cfg.Relay {
		seen := a.Unmap()
		switch {
		case t.local[seen], seen.IsLoopback():
			t.bind[seen] = seen
		case seen.Is4(): // behind one-to-one NAT no interface has this address
			t.bind[seen] = netip.IPv4Unspecified()
		default:
			t.bind[seen] = netip.IPv6Unspecified()
		}
		t.local[seen] = true
	}
	if err := t.open(); err != nil {
		return err
	}
	t.server, err = turn.NewServer(turn.ServerConfig{
		Realm: realm,
		PacketConnConfigs: []turn.PacketConnConfig{
			{PacketConn: t.udp, RelayAddressGenerator: t.relays, PermissionHandler: t.permit}},
		ListenerConfigs: []turn.ListenerConfig{
			{Listener: t.tcp, RelayAddressGenerator: t.relays, PermissionHandler: t.permit}},
		AuthHandler:  t.authenticate,
		QuotaHandler: t.admit,
		EventHandler: turn.EventHandler{OnAuth: t.authenticated, OnAllocationCreated: t.created, OnAllocationDeleted: t.deleted,
			OnPermissionCreated: t.permitted, OnPermissionDeleted: t.unpermitted,
			OnChannelCreated: t.bound, OnChannelDeleted: t.unbound},
		LoggerFactory: pionLog{t.cfg.Log},
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start the TURN server: %w", err), t.udp.Close(), t.tcp.Close())
	}
	return nil
}

// openTries is the number of ports that are tried to find one that is free for both UDP and TCP.
const openTries = 16

// open opens the sockets for clients, both at one port.
func (t *TURN) open() error {
	var failed error
	for range openTries {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(t.listen))
		if err != nil {
			return fmt.Errorf("listen on %s for TURN: %w", t.cfg.Listen, err)
		}
		at := udp.LocalAddr().(*net.UDPAddr).AddrPort() //nolint:forcetypeassert // a UDP socket's
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.listen.Addr(), at.Port())))
		if err == nil {
			t.udp, t.tcp, t.port = &udpSocket{udp, make(chan struct{})}, newTCPListener(tcp), at.Port()
			return nil
		}
		failed = errors.Join(fmt.Errorf("listen on %s for TURN over TCP: %w", at, err), udp.Close())
		if t.listen.Port() != 0 {
			return failed
		}
	}
	return failed
}

// Close closes every socket, and returns when their goroutines have ended. It is an error where that takes more than 5
// seconds.
func (t *TURN) Close() (err error) {
	t.close.Do(func() {
		if t.server == nil {
			return
		}
		close(t.udp.closing)
		err = t.server.Close()
		t.relays.close()
		done := make(chan struct{})
		go func() {
			t.tcp.ended.Wait()
			close(done)
		}()
		late := time.After(closeTimeout)
		for waiting := done; waiting != nil || t.allocations.Load() > 0; {
			select {
			case <-waiting:
				waiting = nil
			case <-t.ended:
			case <-late:
				err = errors.Join(err, fmt.Errorf("the TURN server still has %d allocations after %v", t.allocations.Load(), closeTimeout))
				return
			}
		}
	})
	return err
}

// Servers implements session.ICE.
func (t *TURN) Servers(c *session.Connection) []*session.ICEServer {
	expiresAt := t.cfg.Now().Add(t.cfg.Lifetime).UTC().Truncate(time.Second)
	username, password := t.keys.present().make(c.ID, expiresAt)
	stunServer := &session.ICEServer{}
	turnServer := &session.ICEServer{Username: &username, Credential: &password, ExpiresAt: &expiresAt}
	for _, a := range t.cfg.Relay {
		at := netip.AddrPortFrom(a, t.port).String()
		stunServer.URLs = append(stunServer.URLs, "stun:"+at)
		turnServer.URLs = append(turnServer.URLs, "turn:"+at+"?transport=udp", "turn:"+at+"?transport=tcp")
	}
	return []*session.ICEServer{stunServer, turnServer}
}

// Addr returns the address that clients are served at. It may be called after Listen has returned.
func (t *TURN) Addr() netip.AddrPort { return netip.AddrPortFrom(t.cfg.Relay[0], t.port) }

// Stats returns the counts.
func (t *TURN) Stats() Stats {
	return Stats{Allocations: t.allocations.Load(), SentBytes: t.sent.Load(), ReceivedBytes: t.received.Load(),
		Dropped: t.dropped.Load(), Refused: t.refused.Load(), Unauthorized: t.unauthorized.Load()}
}

// relayAddr returns the relay address of a family.
func (t *TURN) relayAddr(six bool) (netip.Addr, bool) {
	for _, a := range t.cfg.Relay {
		if a.Unmap().Is4() != six {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// authenticate is pion's AuthHandler: it returns the key that the request must be signed with.
func (t *TURN) authenticate(r *turn.RequestAttributes) (connectionID string, key []byte, ok bool) {
	connectionID, expiresAt, by, ok := t.keys.parse(r.Username)
	expired := !t.cfg.Now().Before(expiresAt) && r.Method == stun.MethodAllocate
	if !ok || expired || r.Realm != realm || t.cfg.Ended(connectionID) {
		t.unauthorized.Add(1)
		return "", nil, false
	}
	return connectionID, turn.GenerateAuthKey(r.Username, r.Realm, by.password(r.Username)), true
}

// authenticated is called with whether a request was signed correctly.
func (t *TURN) authenticated(_, _ net.Addr, _, _, _, _ string, verdict bool) {
	if !verdict {
		t.unauthorized.Add(1)
	}
}

// admit is pion's QuotaHandler.
func (t *TURN) admit(connectionID, _ string, client net.Addr) bool {
	ok := t.quotas.room(connectionID, hostOf(client))
	if !ok {
		t.refused.Add(1)
	}
	return ok
}

// permit is pion's PermissionHandler. It is called again to renew a permission.
func (t *TURN) permit(client net.Addr, peer net.IP) bool {
	at := addrOf(peer)
	ok := (t.cfg.AllowPrivate || publicaddress.Is(at)) && t.permissions.room(client, at)
	if !ok {
		t.refused.Add(1)
	}
	return ok
}

func (t *TURN) permitted(client, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	t.permissions.add(client, addrOf(peer))
}

func (t *TURN) unpermitted(client, _ net.Addr, _, _, _ string, _ net.Addr, peer net.IP) {
	t.permissions.remove(client, addrOf(peer))
}

func (t *TURN) bound(client, _ net.Addr, _, _, _ string, _, _ net.Addr, _ uint16) {
	t.permissions.bind(client)
}

func (t *TURN) unbound(client, _ net.Addr, _, _, _ string, _, _ net.Addr, _ uint16) {
	t.permissions.unbind(client)
}

// mayReach says whether a packet may go to a permitted peer: of this machine's addresses, only to the ports of relays.
func (t *TURN) mayReach(peer netip.AddrPort) bool {
	return t.cfg.AllowPrivate || !t.local[peer.Addr()] || t.relays.has(peer)
}

func (t *TURN) created(client, _ net.Addr, _, _, _ string, _ net.Addr, _ int) {
	t.allocations.Add(1)
	t.quotas.here(hostOf(client), 1)
	t.tcp.used(client)
}

func (t *TURN) deleted(client, _ net.Addr, _, _, _ string) {
	t.allocations.Add(-1)
	t.quotas.here(hostOf(client), -1)
	select {
	case t.ended <- struct{}{}:
	default:
	}
}
