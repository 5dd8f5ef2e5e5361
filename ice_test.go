package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// iceServer is an RTCIceServer as a client gets it.
type iceServer struct {
	URLs                 []string
	Username, Credential string
}

// connectFor connects to the lobby and returns the access token and the ICE servers that it is told of.
func (b *binary) connectFor(t *testing.T) (accessToken string, servers []iceServer) {
	t.Helper()
	var made struct{ Connect struct{ AccessToken string } }
	if err := post(t.Context(), b.addr, `mutation{connect(sessionId:"lobby"){accessToken}}`, nil, &made); err != nil {
		t.Fatal(err)
	}
	var told struct{ IceServers []iceServer }
	b.as(t, made.Connect.AccessToken, `{iceServers{urls username credential}}`, &told)
	return made.Connect.AccessToken, told.IceServers
}

// as sends an operation with an access token; it must succeed.
func (b *binary) as(t *testing.T, accessToken, query string, data any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+b.addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+accessToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer := struct {
		Data   any
		Errors json.RawMessage
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Errors != nil {
		t.Fatalf("%s: %v %s", query, err, answer.Errors)
	}
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

// TestTURN drives the real binary's TURN server with what its API says of it.
func TestTURN(t *testing.T) {
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "turn.db")}
	t.Setenv("CHATTOK_TURN", "127.0.0.1:0")
	b.start(t)
	accessToken, servers := b.connectFor(t)
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
	resp, err := http.Get("http://" + b.addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "\nchattok_turn_allocations 2\n") || !strings.Contains(string(page), "\nchattok_turn_refused_total 6\n") {
		t.Errorf("the metrics don't tell, %v", err)
	}
	b.as(t, accessToken, `mutation{disconnect{id}}`, new(any))
	if _, err := turnClient(t, servers[1].URLs[0], servers[1]).Allocate(); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("allocated for a connection that has ended: %v", err)
	}
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := b.process.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}

	// A peer on this machine, where that is allowed.
	t.Setenv("CHATTOK_TURN_ALLOW_PRIVATE", "true")
	b.start(t)
	_, servers = b.connectFor(t)
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
	b.kill(t)
}

// TestOutsideServers: what CHATTOK_ICE_SERVERS names is what clients are told.
func TestOutsideServers(t *testing.T) {
	b := &binary{path: buildBinary(t), addr: freeAddr(t), database: filepath.Join(t.TempDir(), "ice.db")}
	t.Setenv("CHATTOK_ICE_SERVERS", `[{"urls":"stun:stun.example"},{"urls":["turn:turn.example?transport=tcp"],"username":"u","credential":"c"}]`)
	b.start(t)
	_, servers := b.connectFor(t)
	if len(servers) != 2 || servers[0].URLs[0] != "stun:stun.example" || servers[1].Username != "u" || servers[1].Credential != "c" {
		t.Errorf("servers %+v", servers)
	}
	b.kill(t)
}
