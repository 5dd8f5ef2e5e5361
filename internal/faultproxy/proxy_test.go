package faultproxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	. "chattok/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that sends back what it receives, and reports the end of each connection.
type echo struct {
	listener net.Listener
	ended    chan string // the bytes of a connection until its end
	done     sync.WaitGroup
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{listener: listener, ended: make(chan string, 100)}
	e.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.done.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		e.done.Wait()
	})
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer conn.Close()
	var got []byte
	buffer := make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		got = append(got, buffer[:n]...)
		if errors.Is(err, io.EOF) {
			e.ended <- string(got)
		}
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// through returns a proxy to an echo.
func through(t *testing.T) (*Proxy, *echo) {
	t.Helper()
	e := newEcho(t)
	p, err := Listen(e.listener.Addr().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, e
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

// silent checks that nothing arrives for a while.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("heard %d bytes, %v", n, err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
}

func TestPass(t *testing.T) {
	p, e := through(t)
	conn := dial(t, p)
	long := string(slices.Repeat([]byte("0123456789abcdef"), 1<<16))
	go func() { _, _ = io.WriteString(conn, long) }()
	hear(t, conn, long)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-e.ended; got != long {
		t.Error("the server got something else")
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d bytes, %v", n, err)
	}
	if p.Accepted() != 1 {
		t.Errorf("%d connections", p.Accepted())
	}
}

func TestDelay(t *testing.T) {
	p, _ := through(t)
	p.Set(Fault{Up: Link{Delay: 30 * time.Millisecond, Jitter: 40 * time.Millisecond}, Down: Link{Delay: 20 * time.Millisecond}})
	conn := dial(t, p)
	began := time.Now()
	say(t, conn, "a")
	hear(t, conn, "a")
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("it took %v only", took)
	}
	for _, c := range "bcdefgh" {
		say(t, conn, string(c))
		time.Sleep(time.Millisecond) // so that they are read one by one
	}
	hear(t, conn, "bcdefgh")
}

// Bytes in a blackhole arrive when it ends, also on a connection that began meanwhile.
func TestBlackhole(t *testing.T) {
	for name, f := range map[string]Fault{"up": {Up: Link{Blackhole: true}}, "down": {Down: Link{Blackhole: true}}, "both": Both(Link{Blackhole: true})} {
		t.Run(name, func(t *testing.T) {
			p, _ := through(t)
			first := dial(t, p)
			say(t, first, "a")
			hear(t, first, "a")
			p.Set(f)
			second := dial(t, p)
			say(t, first, "b")
			say(t, second, "c")
			silent(t, first)
			silent(t, second)
			p.Set(Fault{})
			hear(t, first, "b")
			hear(t, second, "c")
		})
	}
}

// Bytes that are on their way when a connection is cut are lost, though the server may have read them.
func TestCut(t *testing.T) {
	p, _ := through(t)
	conn := dial(t, p)
	say(t, conn, "a")
	hear(t, conn, "a")
	p.Set(Fault{Down: Link{Blackhole: true}})
	say(t, conn, "b")
	silent(t, conn)
	if n := p.Cut(); n != 1 {
		t.Errorf("cut %d", n)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes, %v; want a reset", n, err)
	}
	p.Set(Fault{})
	again := dial(t, p)
	say(t, again, "c")
	hear(t, again, "c")
}

// refused checks that a new connection is reset, at its opening or after.
func refused(t *testing.T, p *Proxy) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v; want a reset", err)
	}
}

func TestRefuse(t *testing.T) {
	p, _ := through(t)
	p.Set(Fault{Refuse: true})
	refused(t, p)
}

func TestHalfClose(t *testing.T) {
	p, e := through(t)
	up := dial(t, p)
	say(t, up, "a")
	hear(t, up, "a")
	if n := p.HalfClose(Up); n != 1 {
		t.Errorf("half-closed %d", n)
	}
	if got := <-e.ended; got != "a" {
		t.Errorf("the server got %q", got)
	}
	say(t, up, "lost")

	down := dial(t, p)
	say(t, down, "b")
	hear(t, down, "b")
	p.HalfClose(Down)
	if n, err := down.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("%d bytes, %v; want an end", n, err)
	}
	say(t, down, "c") // this direction still works
	if err := down.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-e.ended; got != "bc" {
		t.Errorf("the server got %q", got)
	}
}

// A target that can't be reached is a reset. A target that comes back is reached.
func TestTargetAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := Listen(target, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	refused(t, p)
}
