package outbound

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a DNS server whose answers a test chooses.
type names struct {
	asked atomic.Int64
	of    func(nth int64, name string) []net.IP
}

// resolver starts the server and returns a resolver that asks it alone.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve(server)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func (n *names) serve(server net.PacketConn) {
	b := make([]byte, 1500)
	for {
		size, from, err := server.ReadFrom(b)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(b[:size]) != nil || len(m.Questions) == 0 {
			continue
		}
		q := m.Questions[0]
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		nth := n.asked.Load()
		if q.Type == dnsmessage.TypeA {
			nth = n.asked.Add(1)
		}
		for _, ip := range n.of(nth, strings.TrimSuffix(q.Name.String(), ".")) {
			header := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
			if v4 := ip.To4(); v4 != nil && q.Type == dnsmessage.TypeA {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: [4]byte(v4)}})
			} else if v4 == nil && q.Type == dnsmessage.TypeAAAA {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip.To16())}})
			}
		}
		if packed, err := m.Pack(); err == nil {
			_, _ = server.WriteTo(packed, from)
		}
	}
}

// local starts a server on loopback that counts its requests, and returns its port.
func local(t *testing.T) (port string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(s.Close)
	_, port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return port, requests
}

const notPublic = "the host's address is not on the public internet"

// TestRefusedAddresses: addresses that are not public are refused when they are dialled, as they stand in a URL and as what a name
// means.
func TestRefusedAddresses(t *testing.T) {
	port, requests := local(t)
	for _, ip := range []string{"127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
		"224.0.0.1", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::1"} {
		t.Run(ip, func(t *testing.T) {
			dns := &names{of: func(int64, string) []net.IP { return []net.IP{net.ParseIP(ip)} }}
			c := New(Config{Resolver: dns.resolver(t)})
			defer c.Close()
			hosts := []string{ip}
			if !strings.HasPrefix(ip, "::ffff:") { // which no AAAA record of ours holds
				hosts = append(hosts, "receiver.example")
			}
			for _, host := range hosts {
				_, err := c.Post(t.Context(), "http://"+net.JoinHostPort(host, port)+"/", nil, nil)
				if err == nil || err.Error() != notPublic {
					t.Errorf("%s: %v", host, err)
				}
			}
		})
	}
	// The ways of writing an address that only some resolvers know, and a name that means this machine.
	dns := &names{of: func(int64, string) []net.IP { return []net.IP{net.ParseIP("127.0.0.1")} }}
	c := New(Config{Resolver: dns.resolver(t)})
	defer c.Close()
	for _, host := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[fe80::1%25lo]"} {
		if _, err := c.Post(t.Context(), "http://"+host+":"+port+"/", nil, nil); err == nil || err.Error() != notPublic && err.Error() != "the host is not known" {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests came", n)
	}
}

// TestRebinding: a name that meant this machine and means it again, whatever it means in between, is judged by the address that is
// dialled.
func TestRebinding(t *testing.T) {
	port, requests := local(t)
	dns := &names{of: func(nth int64, _ string) []net.IP {
		if nth%2 == 1 {
			return []net.IP{net.ParseIP("192.0.2.1"), net.ParseIP("127.0.0.1")}
		}
		return []net.IP{net.ParseIP("127.0.0.1")}
	}}
	resolver := dns.resolver(t)
	refusing, allowing := New(Config{Resolver: resolver}), New(Config{Resolver: resolver, Private: true})
	defer refusing.Close()
	defer allowing.Close()
	url := "http://receiver.example:" + port + "/"
	for range 4 {
		if _, err := refusing.Post(t.Context(), url, nil, nil); err == nil || err.Error() != notPublic {
			t.Errorf("%v", err)
		}
	}
	if requests.Load() != 0 || dns.asked.Load() != 4 {
		t.Errorf("%d requests came, %d names were looked up", requests.Load(), dns.asked.Load())
	}
	dns.asked.Add(1) // so that the next answer is loopback alone
	if a, err := allowing.Post(t.Context(), url, nil, nil); err != nil || a.Status != 200 {
		t.Errorf("%+v, %v", a, err)
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests came", requests.Load())
	}
}

// TestAnswers: an answer is read to its bound, no redirect is followed, and a certificate that is not trusted is refused.
func TestAnswers(t *testing.T) {
	followed := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write([]byte(r.Header.Get("x") + string(body)))
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/followed", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/followed", func(http.ResponseWriter, *http.Request) { followed <- struct{}{} })
	written := make(chan int64, 1)
	mux.HandleFunc("/gigabyte", func(w http.ResponseWriter, _ *http.Request) {
		n, chunk := int64(0), make([]byte, 1<<20)
		for range 1024 {
			m, err := w.Write(chunk)
			if n += int64(m); err != nil {
				break
			}
		}
		written <- n
	})
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := New(Config{Private: true, Roots: roots})
	defer c.Close()
	a, err := c.Post(t.Context(), server.URL+"/ok", http.Header{"X": {"head-"}}, []byte("body"))
	if err != nil || a.Status != 200 || string(a.Body) != "head-body" {
		t.Errorf("%d %q, %v", a.Status, a.Body, err)
	}
	if a, err := c.Post(t.Context(), server.URL+"/redirect", nil, nil); err != nil || a.Status != 307 || len(followed) != 0 {
		t.Errorf("%d, %v, followed %d", a.Status, err, len(followed))
	}
	if a, err := c.Post(t.Context(), server.URL+"/gigabyte", nil, nil); err != nil || a.Status != 200 || len(a.Body) != MaxAnswerBytes {
		t.Errorf("%d with %d bytes, %v", a.Status, len(a.Body), err)
	}
	if n := <-written; n >= 1<<30 {
		t.Errorf("%d bytes were taken", n)
	}
	stranger := New(Config{Private: true})
	defer stranger.Close()
	if _, err := stranger.Post(t.Context(), server.URL+"/ok", nil, nil); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}

// serveBytes answers each connection with these bytes, and closes it.
func serveBytes(t *testing.T, answer string) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// TestErrorsQuoteNothing: whatever a server sends, the error has no word of it.
func TestErrorsQuoteNothing(t *testing.T) {
	const word = "hunter2"
	for name, answer := range map[string]string{
		"no HTTP":       word + " " + word + "\r\n\r\n",
		"no status":     "HTTP/1.1 " + word + "\r\n\r\n",
		"no header":     "HTTP/1.1 200 OK\r\n" + word + "\r\n\r\n",
		"no length":     "HTTP/1.1 200 OK\r\nContent-Length: " + word + "\r\n\r\n",
		"bad encoding":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + word + "\r\n\r\n",
		"bad chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + word + "\r\n",
		"too short":     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + word,
		"large headers": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat(word, MaxAnswerBytes) + "\r\n\r\n",
		"nothing":       "",
	} {
		t.Run(name, func(t *testing.T) {
			address := serveBytes(t, answer)
			c := New(Config{Private: true})
			defer c.Close()
			_, err := c.Post(t.Context(), "http://"+address+"/", nil, nil)
			if _, ok := errors.AsType[*Error](err); !ok || strings.Contains(err.Error(), word) || strings.Contains(err.Error(), address) {
				t.Errorf("%T %v", err, err)
			}
			if _, err := c.Post(t.Context(), "https://"+address+"/", nil, nil); err == nil || strings.Contains(err.Error(), word) {
				t.Errorf("over TLS: %v", err)
			}
		})
	}
}

// TestTimeout: a server that hangs, before its headers or within its body, costs the timeout and no more, and the caller's own end
// is told apart.
func TestTimeout(t *testing.T) {
	hang := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { <-hang })
	mux.HandleFunc("/body", func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-hang
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(hang)
	c := New(Config{Private: true, Timeout: 100 * time.Millisecond})
	defer c.Close()
	if _, err := c.Post(t.Context(), server.URL, nil, nil); err == nil || err.Error() != "no answer within 100ms" {
		t.Errorf("%v", err)
	}
	if a, err := c.Post(t.Context(), server.URL+"/body", nil, nil); err == nil || a.Status != 200 || err.Error() != "no answer within 100ms" {
		t.Errorf("%d, %v", a.Status, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := c.Post(ctx, server.URL, nil, nil); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
