package media_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the TURN REST scheme's
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
	"go.uber.org/goleak"

	"chattok/internal/await"
	"chattok/media"
	"chattok/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

var (
	secret = []byte("a secret of the tests, 32 bytes at least")
	quiet  = &logging.DefaultLoggerFactory{Writer: new(bytes.Buffer), DefaultLogLevel: logging.LogLevelDisabled}
)

// serve starts a server on loopback, which relays to loopback too. change may alter its settings.
func serve(t *testing.T, change func(*media.Config)) *media.TURN {
	t.Helper()
	c := media.Config{Listen: "127.0.0.1:0", Secret: secret, AllowPrivate: true}
	if change != nil {
		change(&c)
	}
	server, err := media.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// account holds the ICE servers and credentials of a connection.
func account(t *testing.T, server *media.TURN, connectionID string) *session.ICEServer {
	t.Helper()
	servers := server.Servers(&session.Connection{ID: connectionID})
	if len(servers) != 2 || servers[1].Username == nil || servers[1].Credential == nil {
		t.Fatalf("servers %+v", servers)
	}
	return servers[1]
}

// resendAfter is the time after which a client sends a request again that was not answered over UDP.
const resendAfter = 100 * time.Millisecond

// dial returns a client of the server; transport is udp or tcp.
func dial(t *testing.T, server *media.TURN, transport, username, password string) *turn.Client {
	t.Helper()
	return dialAt(t, server.Addr().String(), transport, username, password, resendAfter)
}

func dialAt(t *testing.T, address, transport, username, password string, resendAfter time.Duration) *turn.Client {
	t.Helper()
	var socket net.PacketConn
	if transport == "tcp" {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		socket = turn.NewSTUNConn(conn)
	} else {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		socket = conn
	}
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: address, STUNServerAddr: address, Conn: socket,
		Username: username, Password: password, LoggerFactory: quiet, RTO: resendAfter})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		_ = socket.Close()
	})
	return client
}

func allocate(t *testing.T, server *media.TURN, transport, connectionID string) (*turn.Client, net.PacketConn) {
	t.Helper()
	a := account(t, server, connectionID)
	client := dial(t, server, transport, *a.Username, *a.Credential)
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatalf("allocate over %s: %v", transport, err)
	}
	t.Cleanup(func() { _ = relayed.Close() })
	return client, relayed
}

// peer is a socket on loopback that packets are relayed to.
func peer(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return socket
}

func wantPacket(t *testing.T, socket net.PacketConn, want string, from net.Addr) {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	n, got, err := socket.ReadFrom(buf)
	if err != nil || string(buf[:n]) != want || from != nil && got.String() != from.String() {
		t.Fatalf("got %q from %v, %v; want %q from %v", buf[:n], got, err, want, from)
	}
}

func mustWrite(t *testing.T, socket net.PacketConn, text string, to net.Addr) {
	t.Helper()
	if _, err := socket.WriteTo([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

// TestRelay: over UDP and TCP alike, packets go to a peer and back, to other allocations too, and are counted.
func TestRelay(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			server := serve(t, nil)
			client, relayed := allocate(t, server, transport, "ann")
			if mapped, err := client.SendBindingRequest(); err != nil || !strings.HasPrefix(mapped.String(), "127.0.0.1:") {
				t.Errorf("STUN says %v, %v", mapped, err)
			}
			other := peer(t)
			mustWrite(t, relayed, "there", other.LocalAddr())
			wantPacket(t, other, "there", relayed.LocalAddr())
			mustWrite(t, other, "and back", relayed.LocalAddr())
			wantPacket(t, relayed, "and back", other.LocalAddr())

			_, second := allocate(t, server, transport, "bob")
			mustWrite(t, second, "open", relayed.LocalAddr()) // makes the permission for the answer
			mustWrite(t, relayed, "to a relay", second.LocalAddr())
			wantPacket(t, second, "to a relay", relayed.LocalAddr())
			stats := server.Stats()
			if stats.Allocations != 2 || stats.SentBytes < int64(len("there"+"to a relay")) || stats.ReceivedBytes < int64(len("and back")) ||
				stats.Dropped != 0 || stats.Refused != 0 {
				t.Errorf("stats %+v", stats)
			}
			if err := relayed.Close(); err != nil {
				t.Error(err)
			}
			await.True(t, "the allocation ends", func() bool { return server.Stats().Allocations == 1 })
		})
	}
}

// TestAnyAddress: a server may listen on all addresses, and be behind a NAT, with an address that no interface has.
func TestAnyAddress(t *testing.T) {
	for _, relay := range []string{"127.0.0.1", "198.51.100.7"} {
		server := serve(t, func(c *media.Config) { c.Listen, c.Relay = ":0", []netip.Addr{netip.MustParseAddr(relay)} })
		address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.Addr().Port()).String()
		a := account(t, server, "ann")
		for _, transport := range []string{"udp", "tcp"} {
			relayed, err := dialAt(t, address, transport, *a.Username, *a.Credential, resendAfter).Allocate()
			if err != nil {
				t.Fatalf("over %s: %v", transport, err)
			}
			t.Cleanup(func() { _ = relayed.Close() })
			if seen := relayed.LocalAddr().(*net.UDPAddr); seen.IP.String() != relay {
				t.Errorf("relayed at %v, want %s", seen, relay)
			}
			other := peer(t)
			mustWrite(t, relayed, "there", other.LocalAddr())
			wantPacket(t, other, "there", nil)
		}
	}
}

// TestServers: a connection gets ICE servers in the form that an RTCPeerConnection takes.
func TestServers(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 5, time.UTC)
	server := serve(t, func(c *media.Config) {
		c.Now, c.Lifetime = func() time.Time { return now }, time.Hour
		c.Listen, c.Relay = "0.0.0.0:0", []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")}
	})
	port := server.Addr().Port()
	servers := server.Servers(&session.Connection{ID: "ann"})
	want := []string{
		fmt.Sprintf("[stun:198.51.100.7:%d stun:[2001:db8::7]:%d]", port, port),
		fmt.Sprintf("[turn:198.51.100.7:%d?transport=udp turn:198.51.100.7:%d?transport=tcp turn:[2001:db8::7]:%d?transport=udp turn:[2001:db8::7]:%d?transport=tcp]",
			port, port, port, port),
	}
	for i, s := range servers {
		if got := fmt.Sprint(s.URLs); got != want[i] {
			t.Errorf("server %d: %s, want %s", i, got, want[i])
		}
	}
	if servers[0].Username != nil || servers[0].ExpiresAt != nil {
		t.Error("STUN needs no credential")
	}
	expires := time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)
	const mark = "1f007c0b" // of the tests' secret, the same on every node that has it
	if got := servers[1]; *got.Username != fmt.Sprintf("%d:ann:%s", expires.Unix(), mark) || !got.ExpiresAt.Equal(expires) {
		t.Errorf("username %s expires at %v", *got.Username, got.ExpiresAt)
	}
	again := server.Servers(&session.Connection{ID: "bob"})
	if *again[1].Credential == *servers[1].Credential {
		t.Error("two connections have one password")
	}
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// TestCredentials: a credential is accepted only if it is genuine, has not expired, and its connection has not ended.
func TestCredentials(t *testing.T) {
	now := &clock{now: time.Now()}
	server := serve(t, func(c *media.Config) {
		c.Now, c.Lifetime, c.Ended = now.Now, time.Hour, func(id string) bool { return id == "gone" }
	})
	stranger := serve(t, func(c *media.Config) { c.Secret = []byte(strings.Repeat("another secret ", 3)) })
	ann, bob, gone, foreign := account(t, server, "ann"), account(t, server, "bob"), account(t, server, "gone"), account(t, stranger, "ann")
	later := strings.Replace(*ann.Username, ":", "9:", 1)
	for name, c := range map[string]struct{ username, password string }{
		"wrong password":        {*ann.Username, *ann.Credential + "x"},
		"another's password":    {*ann.Username, *bob.Credential},
		"another secret's":      {*foreign.Username, *foreign.Credential},
		"a later expiry":        {later, *ann.Credential},
		"no expiry":             {"ann", *ann.Credential},
		"no connection":         {strings.Split(*ann.Username, ":")[0] + ":", *ann.Credential},
		"an expiry of letters":  {"soon:ann", *ann.Credential},
		"the API secret itself": {"ann", string(secret)},
		"an ended connection's": {*gone.Username, *gone.Credential},
	} {
		before := server.Stats().Unauthorized
		relayed, err := dial(t, server, "udp", c.username, c.password).Allocate()
		if err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%s: %v, %v", name, relayed, err)
		}
		if server.Stats().Unauthorized == before {
			t.Errorf("%s is not counted", name)
		}
	}
	client, relayed := allocate(t, server, "udp", "ann")
	now.advance(time.Hour)
	for _, transport := range []string{"udp", "tcp"} {
		if _, err := dial(t, server, transport, *bob.Username, *bob.Credential).Allocate(); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("expired, over %s: %v", transport, err)
		}
	}
	other := peer(t)
	if err := client.CreatePermission(other.LocalAddr()); err != nil {
		t.Errorf("what was allocated before goes on: %v", err)
	}
	mustWrite(t, relayed, "still", other.LocalAddr())
	wantPacket(t, other, "still", relayed.LocalAddr())
}

// TestOldSecrets: credentials of an older secret are accepted beside those of the present one, which new ones are of. Those that a
// server made before it marked them count as the newest older secret's, or as the only secret's.
func TestOldSecrets(t *testing.T) {
	older, oldest := []byte("the secret before, 32 bytes at least"), []byte("the one before that, 32 bytes as well")
	before := serve(t, func(c *media.Config) { c.Secret = older })
	long := serve(t, func(c *media.Config) { c.Secret = oldest })
	alone := serve(t, nil)
	server := serve(t, func(c *media.Config) { c.OldSecrets = [][]byte{older, oldest} })
	type pair struct{ username, password string }
	of := func(s *media.TURN) pair {
		a := account(t, s, "ann")
		return pair{*a.Username, *a.Credential}
	}
	expiry := strings.Split(of(server).username, ":")[0]
	unmarked := func(secret []byte) pair {
		key := hmac.New(sha256.New, secret)
		key.Write([]byte("chattok TURN credentials"))
		password := hmac.New(sha1.New, key.Sum(nil))
		password.Write([]byte(expiry + ":ann"))
		return pair{expiry + ":ann", base64.StdEncoding.EncodeToString(password.Sum(nil))}
	}
	mixed := of(server)
	mixed.username = of(before).username
	for name, c := range map[string]struct {
		server *media.TURN
		pair   pair
		good   bool
	}{
		"present":         {server, of(server), true},
		"older":           {server, of(before), true},
		"oldest":          {server, of(long), true},
		"another's mark":  {server, mixed, false},
		"an unknown mark": {server, pair{of(server).username + "0", of(server).password}, false},
		"present, where the older counts no more": {alone, of(server), true},
		"older, where it counts no more":          {alone, of(before), false},
		"unmarked, older":                         {server, unmarked(older), true},
		"unmarked, present":                       {server, unmarked(secret), false},
		"unmarked, where one counts":              {alone, unmarked(secret), true},
	} {
		relayed, err := dial(t, c.server, "udp", c.pair.username, c.pair.password).Allocate()
		if c.good && err != nil || !c.good && (err == nil || !strings.Contains(err.Error(), "401")) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = relayed.Close()
		}
	}
}

// TestPrivatePeers: by default no packet goes to addresses that only this machine or its network can reach.
func TestPrivatePeers(t *testing.T) {
	server := serve(t, func(c *media.Config) { c.AllowPrivate = false })
	for _, transport := range []string{"udp", "tcp"} {
		client, relayed := allocate(t, server, transport, "ann")
		other := peer(t)
		for _, ip := range []string{"127.0.0.1", "10.1.2.3", "192.168.0.1", "172.31.255.255", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"} {
			before := server.Stats().Refused
			err := client.CreatePermission(&net.UDPAddr{IP: net.ParseIP(ip), Port: other.LocalAddr().(*net.UDPAddr).Port})
			if err == nil || !strings.Contains(err.Error(), "403") {
				t.Errorf("%s over %s: %v", ip, transport, err)
			}
			if server.Stats().Refused != before+1 {
				t.Errorf("%s is not counted", ip)
			}
		}
		if _, err := relayed.WriteTo([]byte("x"), other.LocalAddr()); err == nil {
			t.Errorf("a packet to loopback over %s went out", transport)
		}
		if err := client.CreatePermission(&net.UDPAddr{IP: net.ParseIP("8.8.8.8"), Port: 53}); err != nil {
			t.Errorf("a public peer: %v", err)
		}
	}
}

// TestAllocationQuota: a connection's allocations are limited over all transports. Another connection has its own limit,
// and an allocation that ended makes room.
func TestAllocationQuota(t *testing.T) {
	server := serve(t, func(c *media.Config) { c.Allocations = 2 })
	_, first := allocate(t, server, "udp", "ann")
	allocate(t, server, "tcp", "ann")
	refused := func(transport string) {
		t.Helper()
		a := account(t, server, "ann")
		if _, err := dial(t, server, transport, *a.Username, *a.Credential).Allocate(); err == nil || !strings.Contains(err.Error(), "486") {
			t.Errorf("a third over %s: %v", transport, err)
		}
	}
	refused("udp")
	refused("tcp")
	allocate(t, server, "udp", "bob")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	await.True(t, "one has ended", func() bool { return server.Stats().Allocations == 2 })
	allocate(t, server, "tcp", "ann")
	refused("udp")
}

// TestBandwidth: packets that a connection sends and receives above its bandwidth are dropped, until time has passed.
func TestBandwidth(t *testing.T) {
	now := &clock{now: time.Now()}
	server := serve(t, func(c *media.Config) { c.Bandwidth, c.Now = 8, now.Now }) // 1,000 bytes a second, 16 KiB at once
	_, relayed := allocate(t, server, "udp", "ann")
	_, second := allocate(t, server, "tcp", "ann")
	other := peer(t)
	const size, burst = 1024, 16
	packet := strings.Repeat("x", size)
	for i := range burst {
		socket := relayed
		if i%2 == 1 {
			socket = second // the same connection's bandwidth
		}
		mustWrite(t, socket, packet, other.LocalAddr())
		wantPacket(t, other, packet, socket.LocalAddr())
	}
	mustWrite(t, relayed, packet, other.LocalAddr())
	await.True(t, "one is dropped", func() bool { return server.Stats().Dropped == 1 })
	mustWrite(t, other, packet, relayed.LocalAddr())
	await.True(t, "so is what comes back", func() bool { return server.Stats().Dropped == 2 })
	if sent := server.Stats().SentBytes; sent != size*burst {
		t.Errorf("%d bytes were sent", sent)
	}
	now.advance(2 * time.Second)
	mustWrite(t, other, "later", relayed.LocalAddr())
	wantPacket(t, relayed, "later", other.LocalAddr())
}

// TestClose: every socket and every goroutine ends (TestMain), even with allocations and half-open sockets.
func TestClose(t *testing.T) {
	server := serve(t, nil)
	_, overUDP := allocate(t, server, "udp", "ann")
	allocate(t, server, "tcp", "ann")
	silent, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := silent.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Stats().Allocations; n != 0 {
		t.Errorf("%d allocations are left", n)
	}
	if err := silent.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a socket outlived the server: %v", err)
	}
	again, err := net.ListenPacket("udp", overUDP.LocalAddr().String())
	if err != nil {
		t.Fatalf("the relay's port is still taken: %v", err)
	}
	_ = again.Close()
	second, err := media.New(media.Config{Listen: server.Addr().String(), Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(); err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// TestPorts: relays are opened within the range, and a full range is refused with a clear error.
func TestPorts(t *testing.T) {
	free := peer(t)
	port := free.LocalAddr().(*net.UDPAddr).Port
	_ = free.Close()
	server := serve(t, func(c *media.Config) { c.MinPort, c.MaxPort = port, port })
	_, relayed := allocate(t, server, "udp", "ann")
	if got := relayed.LocalAddr().(*net.UDPAddr).Port; got != port {
		t.Errorf("port %d, want %d", got, port)
	}
	a := account(t, server, "bob")
	if _, err := dial(t, server, "udp", *a.Username, *a.Credential).Allocate(); err == nil || !strings.Contains(err.Error(), "508") {
		t.Errorf("no port is left: %v", err)
	}
}

// TestNoTCPPeers: only UDP is relayed.
func TestNoTCPPeers(t *testing.T) {
	server := serve(t, nil)
	a := account(t, server, "ann")
	if _, err := dial(t, server, "tcp", *a.Username, *a.Credential).AllocateTCP(); err == nil || !strings.Contains(err.Error(), "508") {
		t.Errorf("a TCP allocation: %v", err)
	}
}

// TestConfig: impossible settings are refused with the name of the field.
func TestConfig(t *testing.T) {
	ip := netip.MustParseAddr
	for want, c := range map[string]media.Config{
		"must be HOST:PORT":                {Listen: "127.0.0.1"},
		"port of address":                  {Listen: "127.0.0.1:70000"},
		"must be an IP address":            {Listen: "turn.example:3478"},
		"a relay IP is needed":             {Listen: ":3478"},
		"relay IP 0.0.0.0":                 {Listen: ":3478", Relay: []netip.Addr{ip("0.0.0.0")}},
		"one relay IP of each family":      {Listen: ":3478", Relay: []netip.Addr{ip("198.51.100.1"), ip("198.51.100.2")}},
		"relay ports must be 1 to 65535":   {Listen: "127.0.0.1:0", MinPort: 2000, MaxPort: 1000},
		"allocations of a connection must": {Listen: "127.0.0.1:0", Allocations: -1},
		"bandwidth of a connection must":   {Listen: "127.0.0.1:0", Bandwidth: -1},
	} {
		if _, err := media.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	taken := serve(t, nil)
	second, err := media.New(media.Config{Listen: taken.Addr().String(), Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Listen(); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("a taken port: %v", err)
	}
}

// TestPermissionsOfAnAllocation: an allocation has a limited number of permissions, which can be renewed, and another
// allocation has its own.
func TestPermissionsOfAnAllocation(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			server := serve(t, nil)
			who := account(t, server, "c1")
			peer := func(n int) net.Addr {
				return &net.UDPAddr{IP: net.IPv4(127, 1, byte(n>>8), byte(n)), Port: 9}
			}
			for range 2 {
				// Refusals are counted, so no request may be sent twice, even on a slow machine.
				client := dialAt(t, server.Addr().String(), transport, *who.Username, *who.Credential, patience)
				relayed, err := client.Allocate()
				if err != nil {
					t.Fatal(err)
				}
				granted := 0
				for n := range 200 {
					if client.CreatePermission(peer(n)) == nil {
						granted++
					}
				}
				if granted != 64 {
					t.Errorf("%d permissions were granted", granted)
				}
				if err := client.CreatePermission(peer(3)); err != nil {
					t.Errorf("one that is there is not renewed: %v", err)
				}
				if err := relayed.Close(); err != nil {
					t.Error(err)
				}
			}
			if refused := server.Stats().Refused; refused != 2*136 {
				t.Errorf("%d were refused", refused)
			}
		})
	}
}

// TestChannelsAreLimited: a client that binds a channel to one port of a peer after the other is refused in the end.
func TestChannelsAreLimited(t *testing.T) {
	server := serve(t, nil)
	who := account(t, server, "c1")
	client := dialAt(t, server.Addr().String(), "udp", *who.Username, *who.Credential, patience)
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	for port := range 300 { // the client binds a channel to each peer that it writes to
		if _, err := relayed.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 1, 0, 1), Port: 1000 + port}); err != nil {
			break // the client gives up once it has been refused
		}
	}
	await.True(t, "a channel is refused", func() bool { return server.Stats().Refused > 0 })
	_ = relayed.Close() // which fails where the client has given up
}
