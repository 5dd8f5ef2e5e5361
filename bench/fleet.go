//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A fleet serves many sockets from a loop or two, each a goroutine and a buffer. A goroutine and a buffer a socket would
// cost the processors, which the server shares, several times as much: 10,000 buffers fit in no cache. Callers are best
// served by one loop, which finds more to do each time it wakes; thousands of subscribers need one a processor.
type fleet struct {
	loops   []*loop
	running sync.WaitGroup
	closing atomic.Bool
	next    atomic.Uint32
	once    sync.Once
	failed  chan struct{} // closed with the first error
	err     error         // the first error; read it after failed
}

// handler handles the data of one socket. The socket's loop calls it from its own goroutine.
type handler interface {
	// receive handles data that arrived at the time now (Unix nanoseconds) and returns how many bytes it has consumed. The
	// rest is passed again with more data after it. An error ends the fleet. data is valid during the call only.
	receive(s *socket, data []byte, now int64) (used int, err error)
}

// loop is an epoll instance with its sockets.
type loop struct {
	epoll   int
	mu      sync.Mutex
	sockets map[int32]*socket // by descriptor; an entry is never replaced while its descriptor is open
}

// socket is a connection that a loop reads.
type socket struct {
	fd      int
	file    *os.File // owns fd
	loop    *loop
	handler handler
	left    []byte // read, but not consumed
}

// Sizes of a loop's work.
const (
	readBytes   = 128 << 10
	eventsAWait = 128
	// waitMillis is how soon a loop notices that the fleet closes.
	waitMillis = 100
)

func newFleet(loops int) (*fleet, error) {
	f := &fleet{failed: make(chan struct{})}
	for range loops {
		fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
		if err != nil {
			f.close()
			return nil, fmt.Errorf("epoll: %w", err)
		}
		l := &loop{epoll: fd, sockets: make(map[int32]*socket)}
		f.loops = append(f.loops, l)
		f.running.Go(func() { f.run(l) })
	}
	return f, nil
}

// add takes over conn and the data that its reader, which may be nil, has buffered.
func (f *fleet) add(conn net.Conn, r *bufio.Reader, h handler) (*socket, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("add a %T to a fleet", conn)
	}
	file, err := tcp.File()
	_ = conn.Close() // file is a duplicate
	if err != nil {
		return nil, err
	}
	l := f.loops[int(f.next.Add(1))%len(f.loops)]
	s := &socket{fd: int(file.Fd()), file: file, loop: l, handler: h}
	if err := syscall.SetNonblock(s.fd, true); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if r != nil && r.Buffered() > 0 {
		ahead, _ := r.Peek(r.Buffered())
		if err := s.take(ahead, time.Now().UnixNano()); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	l.mu.Lock()
	l.sockets[int32(s.fd)] = s
	l.mu.Unlock()
	err = syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, s.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(s.fd)})
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err) // close closes the file
	}
	return s, nil
}

// write sends all of b or fails: a fleet's messages fit in the kernel's buffers.
func (s *socket) write(b []byte) error {
	n, err := syscall.Write(s.fd, b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// first runs a handler's opening move on its loop, before any data arrives.
func (s *socket) first(do func(s *socket) error) error {
	s.loop.mu.Lock()
	defer s.loop.mu.Unlock()
	return do(s)
}

// take passes data to the handler, after the bytes that it left the last time.
func (s *socket) take(data []byte, now int64) error {
	if len(s.left) > 0 {
		s.left = append(s.left, data...)
		data = s.left
	}
	used, err := s.handler.receive(s, data, now)
	if err != nil {
		return err
	}
	s.left = append(s.left[:0], data[used:]...)
	return nil
}

func (f *fleet) run(l *loop) {
	buffer := make([]byte, readBytes)
	events := make([]syscall.EpollEvent, eventsAWait)
	for !f.closing.Load() {
		n, err := syscall.EpollWait(l.epoll, events, waitMillis)
		if err != nil && err != syscall.EINTR {
			f.fail(fmt.Errorf("epoll: %w", err))
			return
		}
		for _, event := range events[:max(0, n)] {
			l.mu.Lock()
			s := l.sockets[event.Fd]
			l.mu.Unlock()
			if err := s.read(buffer); err != nil {
				f.fail(err)
				return
			}
		}
	}
}

// read makes one system call; epoll reports the socket again where more is left.
func (s *socket) read(buffer []byte) error {
	n, err := syscall.Read(s.fd, buffer)
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return nil
	case err != nil:
		return fmt.Errorf("the server's socket: %w", err)
	case n == 0:
		return fmt.Errorf("the server closed a socket: %w", io.EOF)
	}
	return s.take(buffer[:n], time.Now().UnixNano())
}

// fail ends the fleet with its first error. Errors during its close are dropped.
func (f *fleet) fail(err error) {
	if f.closing.Load() {
		return
	}
	f.once.Do(func() {
		f.err = err
		close(f.failed)
	})
}

// await returns once done is closed, and an error where the fleet fails first or the time is up.
func (f *fleet) await(done <-chan struct{}, timeout time.Duration, what string) error {
	select {
	case <-done:
		select {
		case <-f.failed: // the last thing that came may have been one too many
			return f.err
		default:
			return nil
		}
	case <-f.failed:
		return f.err
	case <-time.After(timeout):
		return fmt.Errorf("%s took longer than %v", what, timeout)
	}
}

// close ends the loops, waits for them, and resets the sockets, so that none lingers in TIME_WAIT.
func (f *fleet) close() {
	f.closing.Store(true)
	f.running.Wait()
	for _, l := range f.loops {
		for _, s := range l.sockets {
			_ = syscall.SetsockoptLinger(s.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
			_ = s.file.Close()
		}
		_ = syscall.Close(l.epoll)
	}
}
