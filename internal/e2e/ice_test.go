package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"

	"chattok/internal/program"
)

// iceServer is an RTCIceServer as a client gets it.
type iceServer struct {
	URLs                 []string
	Username, Credential string
}

// connectFor connects to the lobby, and returns the access token and the ICE servers that the API names.
func connectFor(t *testing.T, b *program.Server) (accessToken string, servers []iceServer) {
	t.Helper()
	var made struct{ Connect struct{ AccessToken string } }
	if err := post(t.Context(), b.Addr, `mutation{connect(sessionId:"lobby"){accessToken}}`, nil, &made); err != nil {
		t.Fatal(err)
	}
	var told struct{ IceServers []iceServer }
	if err := postAs(t.Context(), b.Addr, made.Connect.AccessToken, `{iceServers{urls username credential}}`, nil, &told); err != nil {
		t.Fatal(err)
	}
	return made.Connect.AccessToken, told.IceServers
}

// turnClient returns a client of the server that a URL names.
func turnClient(t *testing.T, url string, s iceServer) *turn.Client {
	t.Helper()
	address, transport, _ := strings.Cut(strings.TrimPrefix(url, "turn:"), "?transport=")
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
	client, err := turn.NewClient(&turn.ClientConfig{TURNServerAddr: address, Conn: socket, Username: s.Username, Password: s.Credential,
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}})
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

// TestTURN: clients can use the built-in TURN server as the API describes it, until their connection ends.
func TestTURN(t *testing.T) {
	t.Setenv("CHATTOK_TURN", "127.0.0.1:0")
	b := program.StartT(t, program.Config{})
	accessToken, servers := connectFor(t, b)
	if len(servers) != 2 || len(servers[1].URLs) != 2 || !strings.HasPrefix(servers[0].URLs[0], "stun:127.0.0.1:") {
		t.Fatalf("servers %+v", servers)
	}
	for _, url := range servers[1].URLs {
		client := turnClient(t, url, servers[1])
		relayed, err := client.Allocate()
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		defer func() { _ = relayed.Close() }()
		for _, private := range []string{"127.0.0.1", "10.0.0.1", "192.168.1.1"} {
			err := client.CreatePermission(&net.UDPAddr{IP: net.ParseIP(private), Port: 9})
			if err == nil || !strings.Contains(err.Error(), "403") {
				t.Errorf("%s as a peer of %s: %v", private, url, err)
			}
		}
	}
	resp, err := http.Get("http://" + b.Addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "\nchattok_turn_allocations 2\n") || !strings.Contains(string(page), "\nchattok_turn_refused_total 6\n") {
		t.Errorf("the metrics don't tell, %v", err)
	}
	if err := postAs(t.Context(), b.Addr, accessToken, `mutation{disconnect{id}}`, nil, new(any)); err != nil {
		t.Fatal(err)
	}
	if _, err := turnClient(t, servers[1].URLs[0], servers[1]).Allocate(); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("allocated for a connection that has ended: %v", err)
	}
	b.StopT(t)

	// A peer on this machine, where that is allowed.
	t.Setenv("CHATTOK_TURN_ALLOW_PRIVATE", "true")
	b.BeginT(t)
	_, servers = connectFor(t, b)
	relayed, err := turnClient(t, servers[1].URLs[1], servers[1]).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = relayed.Close() }()
	peer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if _, err := relayed.WriteTo([]byte("hello"), peer.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if err := peer.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, from, err := peer.ReadFrom(buf); err != nil || string(buf[:n]) != "hello" || from.String() != relayed.LocalAddr().String() {
		t.Errorf("the peer got %q from %v, %v", buf[:n], from, err)
	}
	b.KillT(t)
}

// TestOutsideServers: clients are told of the servers that CHATTOK_ICE_SERVERS names.
func TestOutsideServers(t *testing.T) {
	t.Setenv("CHATTOK_ICE_SERVERS", `[{"urls":"stun:stun.example"},{"urls":["turn:turn.example?transport=tcp"],"username":"u","credential":"c"}]`)
	b := program.StartT(t, program.Config{})
	_, servers := connectFor(t, b)
	if len(servers) != 2 || servers[0].URLs[0] != "stun:stun.example" || servers[1].Username != "u" || servers[1].Credential != "c" {
		t.Errorf("servers %+v", servers)
	}
	b.KillT(t)
}
